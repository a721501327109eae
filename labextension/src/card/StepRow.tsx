import type { ProgressView, StepView } from '../view';
import {
  STEP_GLYPHS,
  STEP_WORDS,
  cleanLine,
  duration,
  oneLine,
  shorten,
  stepDetail
} from '../wording';
import { Prose } from './Prose';

/** The time line of the build that steps are drawn on, in seconds. */
export interface Span {
  started: number | null;
  elapsed: number | null;
}

interface Props {
  step: StepView;
  span: Span;
  /** Whether its log stands elsewhere already. */
  told: boolean;
  logLines: number;
}

const TRANSFERS = 4;
const SAID_ALOUD = new Set(['cached', 'failed', 'canceled', 'missing']);

/** One step: what it does, how it stands, when it ran, and what it says while it runs. */
export function StepRow({ step, span, told, logLines }: Props) {
  const { state } = step;
  const word = STEP_WORDS[state] ?? state;
  const visible = SAID_ALOUD.has(state) ? word : state === 'running' ? stepDetail(step) : '';
  const title = step.source ? `${step.name} — ${step.source}` : step.name;
  const wordy = !told && (state === 'running' || state === 'failed');
  const transfers = step.progress.filter(item => item.total).slice(0, TRANSFERS);
  return (
    <li data-state={state} data-step={step.number}>
      <span className="ej-glyph" aria-hidden="true">
        {STEP_GLYPHS[state] ?? '·'}
      </span>
      <span className="ej-step" title={shorten(title, 600)}>
        {oneLine(step.name)}
      </span>
      <span className="ej-word">{visible}</span>
      {visible !== word && <span className="ej-sr">{word}</span>}
      <Track step={step} span={span} />
      <span className="ej-time">{duration(step.duration)}</span>
      {state === 'running' && transfers.map(item => <Transfer key={item.id} item={item} />)}
      {wordy && <LogTail lines={step.log_tail.slice(-logLines)} />}
      {wordy && state === 'failed' && step.error && (
        <p className="ej-wide">
          <Prose text={step.error} />
        </p>
      )}
    </li>
  );
}

/** When the step ran, on the time line of the whole build. */
function Track({ step, span }: { step: StepView; span: Span }) {
  const { started, elapsed } = span;
  if (!step.started || !started || !elapsed || !step.duration || step.state === 'cached') {
    return <span className="ej-track" aria-hidden="true" />;
  }
  const left = Math.min(Math.max((step.started - started) / elapsed, 0), 0.96);
  const width = Math.min(step.duration / elapsed, 1 - left);
  return (
    <span className="ej-track" aria-hidden="true">
      <span style={{ left: `${100 * left}%`, width: `${100 * width}%` }} />
    </span>
  );
}

function Transfer({ item }: { item: ProgressView }) {
  const total = item.total ?? 1;
  const current = Math.min(item.current, total);
  const name = shorten(item.name || item.id, 80);
  return (
    <div
      className="ej-wide ej-transfer"
      data-full={item.done || current === total || undefined}
    >
      <progress max={total} value={current} aria-label={name} />
      <span>
        {Math.floor((100 * current) / total)} % {name}
      </span>
    </div>
  );
}

export function LogTail({ lines }: { lines: readonly string[] }) {
  if (!lines.length) {
    return null;
  }
  return <pre className="ej-wide ej-log">{lines.map(line => cleanLine(line)).join('\n')}</pre>;
}
