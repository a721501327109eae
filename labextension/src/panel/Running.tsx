import type { BuildActions } from '../actions';
import { elapsedNow, type Builds, type Live } from '../builds';
import { Tape } from '../card/Tape';
import { useNow } from '../hooks';
import { IconButton } from '../icons';
import { titleOf, type BuildRecord } from '../record';
import { useStore } from '../store';
import { headline, oneLine, summaryLine } from '../wording';

/** The builds that run now, each with its progress. */
export function Running({ builds, actions }: { builds: Builds; actions: BuildActions }) {
  const records = useStore(builds.records).filter(record => record.state === 'running');
  const live = useStore(builds.live);
  const now = useNow(records.length > 0);
  if (!records.length) {
    return null;
  }
  return (
    <section className="ej-running" aria-label="Running builds">
      <ul>
        {records.map(record => (
          <RunningBuild
            key={record.id}
            record={record}
            live={live.get(record.id)}
            now={now}
            actions={actions}
          />
        ))}
      </ul>
    </section>
  );
}

interface Props {
  record: BuildRecord;
  live: Live | undefined;
  now: number;
  actions: BuildActions;
}

function RunningBuild({ record, live, now, actions }: Props) {
  const title = titleOf(record);
  const view = live?.view;
  const summary = view?.summary ?? {
    total: record.total,
    completed: record.cached,
    cached: record.cached,
    running: 0,
    failed: 0,
    real: record.total
  };
  const since = record.started === null ? null : Math.max(now / 1000 - record.started, 0);
  const elapsed = live ? elapsedNow(live, now) : since;
  const step = view?.steps.filter(one => one.state === 'running').at(-1);
  return (
    <li data-state="running" data-build={record.id}>
      <div className="ej-running-head">
        <span className="ej-mark ej-pulse" aria-hidden="true">
          ●
        </span>
        <button
          type="button"
          className="ej-open"
          onClick={() => actions.open(record.id)}
          aria-label={`Open the running build ${title}`}
        >
          {oneLine(title)}
        </button>
        <IconButton
          icon="log"
          label={`Open the log of ${title}`}
          onClick={() => actions.open(record.id, 'log')}
        />
        <IconButton
          icon="cancel"
          label={`Cancel the build ${title}`}
          onClick={() => void actions.cancel(record.id)}
        />
      </div>
      <Tape summary={summary} label={`Progress of ${title}`} />
      <p className="ej-running-said">
        <span className="ej-state">{view ? headline(view) : 'building'}</span>{' '}
        <span className="ej-numbers">{summaryLine(summary, elapsed, true)}</span>
      </p>
      {step && (
        <p className="ej-running-step" title={step.name}>
          <code>{oneLine(step.name)}</code>
        </p>
      )}
    </li>
  );
}
