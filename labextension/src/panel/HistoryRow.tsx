import type { BuildActions } from '../actions';
import { IconButton } from '../icons';
import { timeOf, titleOf, type BuildRecord } from '../record';
import { BUILD_GLYPHS, BUILD_WORDS, duration, oneLine } from '../wording';

interface Props {
  record: BuildRecord;
  /** Whether it is the one the Tab key stops at. */
  current: boolean;
  onFocus: () => void;
  actions: BuildActions;
}

/** A build of the past in two lines, with what can be done with it. */
export function HistoryRow({ record, current, onFocus, actions }: Props) {
  const title = oneLine(titleOf(record));
  const word = BUILD_WORDS[record.state] ?? record.state;
  const cached = record.total ? `${record.cached}/${record.total} cached` : '';
  const failed = record.message && record.state !== 'succeeded';
  const tabIndex = current ? 0 : -1;
  const time = timeOf(record.started);
  const facts = [cached, duration(record.duration)].filter(Boolean).join(' · ');
  return (
    // It listens for the focus of the buttons within.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <li className="ej-row" data-state={record.state} data-build={record.id} onFocus={onFocus}>
      <span className="ej-glyph" aria-hidden="true" title={word}>
        {BUILD_GLYPHS[record.state] ?? '●'}
      </span>
      <button
        type="button"
        className="ej-open"
        tabIndex={tabIndex}
        aria-label={`Open the build ${title}: ${[word, time, facts].filter(Boolean).join(', ')}`}
        title={details(record)}
        onClick={() => actions.open(record.id)}
      >
        <span className="ej-row-title">{title}</span>
        <span className="ej-row-time">{time}</span>
        <span className="ej-row-more">
          {facts}
          {!failed && record.image && ` → ${oneLine(record.image)}`}
        </span>
        {failed && (
          <span className="ej-row-more ej-row-failed">{oneLine(record.message ?? '')}</span>
        )}
      </button>
      <span className="ej-row-actions">
        <IconButton
          icon="log"
          label={`Open the log of ${title}`}
          tabIndex={tabIndex}
          onClick={() => actions.open(record.id, 'log')}
        />
        <IconButton
          icon="why"
          label={`Why did steps of ${title} run again?`}
          tabIndex={tabIndex}
          onClick={() => actions.open(record.id, 'report')}
        />
        <IconButton
          icon="rebuild"
          label={`Build ${title} again`}
          tabIndex={tabIndex}
          onClick={() => void actions.rebuild(record.id)}
        />
        <IconButton
          icon="remove"
          label={`Delete the build ${title} from the history`}
          tabIndex={tabIndex}
          onClick={() => void actions.forget(record.id, title)}
        />
      </span>
    </li>
  );
}

function details(record: BuildRecord): string {
  const facts: [string, string | null][] = [
    ['state', BUILD_WORDS[record.state] ?? record.state],
    ['project', record.project],
    ['notebook', record.notebook],
    ['image', record.image],
    ['builder', record.builder],
    ['build', record.id]
  ];
  return facts
    .filter(([, value]) => value)
    .map(([name, value]) => `${name}: ${value ?? ''}`)
    .join('\n');
}
