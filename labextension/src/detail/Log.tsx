import { memo, useLayoutEffect, useRef, useState } from 'react';

import type { Api } from '../api';
import { Notice } from '../panel/Notice';
import type { BuildView } from '../view';
import { oneLine } from '../wording';
import { useLog } from './useLog';

interface Props {
  api: Api;
  view: BuildView;
}

// So many lines are one element: the browser lays out only those in sight.
const CHUNK = 200;

/** What the build wrote, or one step of it; it follows the end unless one scrolls up. */
export function Log({ api, view }: Props) {
  const [step, setStep] = useState<string | null>(null);
  const [wanted, setWanted] = useState('');
  const running = view.state === 'running';
  const log = useLog(api, view.id, step, running);
  const box = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);

  const text = wanted.trim().toLowerCase();
  const lines = text ? log.lines.filter(line => line.toLowerCase().includes(text)) : log.lines;
  const chunks: string[] = [];
  for (let from = 0; from < lines.length; from += CHUNK) {
    chunks.push(lines.slice(from, from + CHUNK).join('\n'));
  }

  useLayoutEffect(() => {
    if (box.current && atEnd.current) {
      box.current.scrollTop = box.current.scrollHeight;
    }
  });

  const spoke = view.steps.filter(one => one.log_lines > 0);
  return (
    <div className="ej-log-view">
      <div className="ej-log-bar" role="search">
        <select
          aria-label="Show the log of a step"
          value={step ?? ''}
          onChange={event => {
            atEnd.current = true;
            setStep(event.target.value || null);
          }}
        >
          <option value="">all steps</option>
          {spoke.map(one => (
            <option key={one.digest} value={one.digest}>
              {oneLine(one.name, 90)}
            </option>
          ))}
        </select>
        <input
          type="search"
          value={wanted}
          placeholder="Only lines with …"
          aria-label="Show only the lines that contain this text"
          spellCheck={false}
          onChange={event => setWanted(event.target.value)}
        />
        <span className="ej-dim ej-log-count" role="status">
          {text ? `${lines.length} of ${log.lines.length} lines` : `${lines.length} lines`}
          {log.loading && ' …'}
        </span>
      </div>
      {log.error && <Notice tone="failed">{log.error}</Notice>}
      <div
        ref={box}
        className="ej-log-lines"
        role="log"
        aria-label={`Log of ${view.title}`}
        aria-live="off"
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        tabIndex={0}
        onScroll={event => {
          const { scrollTop, scrollHeight, clientHeight } = event.currentTarget;
          atEnd.current = scrollHeight - scrollTop - clientHeight < 30;
        }}
      >
        {log.dropped > 0 && (
          <p className="ej-dim">
            {log.dropped} earlier lines are not shown here; <code>%envd_history log</code> shows
            all.
          </p>
        )}
        {chunks.map((chunk, place) => (
          <Chunk key={place} text={chunk} />
        ))}
        {!log.loading && !lines.length && (
          <p className="ej-empty">{text ? 'No line contains this.' : 'It wrote nothing.'}</p>
        )}
      </div>
    </div>
  );
}

const Chunk = memo(function Chunk({ text }: { text: string }) {
  return <pre className="ej-chunk">{text}</pre>;
});
