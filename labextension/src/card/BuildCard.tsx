import type { ReactNode } from 'react';

import type { BuildView, ErrorView } from '../view';
import { BUILD_GLYPHS, headline, oneLine, shorten, summaryLine } from '../wording';
import { Facts } from './Facts';
import { Prose } from './Prose';
import { LogTail } from './StepRow';
import { Steps } from './Steps';
import { Tape } from './Tape';

interface Props {
  view: BuildView;
  /** How many steps are shown before the others are folded away. */
  rows?: number;
  logLines?: number;
  /** Buttons for what can be done with the build. */
  actions?: ReactNode;
  /** Said below the heading, for example that the server cannot be reached. */
  notice?: ReactNode;
}

/**
 * A build as a card: what is built and how it stands, all steps as a tape, the failing step first,
 * the steps that matter, what became of the remote caches, and the notes.
 *
 * All of it is text to React, wherever it comes from: nothing of a build becomes markup.
 */
export function BuildCard(props: Props) {
  const { view, rows = 14, logLines = 12, actions, notice } = props;
  const running = view.state === 'running';
  const said = summaryLine(view.summary, view.elapsed, running);
  const label = shorten(`Build of ${view.title}: ${headline(view)}`, 200);
  return (
    <article
      className="ej-card"
      data-state={view.state}
      data-build={view.id}
      aria-label={label}
      aria-busy={running}
    >
      <header className="ej-head">
        <span className="ej-mark" aria-hidden="true">
          {BUILD_GLYPHS[view.state] ?? '●'}
        </span>
        <span className="ej-title">{oneLine(view.title)}</span>
        {view.image && (
          <span className="ej-image">
            → <code>{oneLine(view.image)}</code>
          </span>
        )}
        {/* Only the state is announced as it changes: counts and times would never stop talking. */}
        <span className="ej-state" role="status">
          {headline(view)}
        </span>
        {view.recording && <span className="ej-tag">recording</span>}
        <span className="ej-sum">{said}</span>
        {actions}
      </header>
      <Tape summary={view.summary} />
      <div className="ej-body">
        {notice}
        {view.error && <Failure error={view.error} logLines={logLines} />}
        <Steps view={view} rows={rows} logLines={logLines} />
        <Facts view={view} />
        <Foot view={view} />
      </div>
    </article>
  );
}

function Failure({ error, logLines }: { error: ErrorView; logLines: number }) {
  return (
    <section className="ej-error" aria-label="Why it failed">
      {error.step && (
        <p>
          <b>Failed:</b> <code>{oneLine(error.step)}</code>
        </p>
      )}
      <p>
        <Prose text={error.message} />
      </p>
      <LogTail lines={error.log_tail.slice(-logLines)} />
      {error.hint && (
        <p>
          <b>Hint:</b> <Prose text={error.hint} />
        </p>
      )}
    </section>
  );
}

function Foot({ view }: { view: BuildView }) {
  const facts: [string, string | null, string][] = [
    ['digest', view.digest?.slice(0, 19) ?? null, view.digest ?? ''],
    ['builder', view.builder && oneLine(view.builder), view.builder ?? ''],
    ['build', view.id && oneLine(view.id), view.id]
  ];
  const known = facts.filter(([, value]) => value);
  if (!known.length) {
    return null;
  }
  return (
    <footer className="ej-foot">
      {known.map(([name, value, title]) => (
        <span key={name}>
          {name} <code title={title}>{value}</code>
        </span>
      ))}
    </footer>
  );
}
