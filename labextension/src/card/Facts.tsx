import type { BuildView, CacheView } from '../view';
import { oneLine } from '../wording';
import { Prose } from './Prose';

const MOST = 12;

const GLYPHS: Record<string, string> = {
  ok: '✔',
  failed: '✘',
  missing: '○',
  pending: '·',
  warning: '!',
  note: 'i'
};

/** What became of the remote caches, and what the reader should know besides. */
export function Facts({ view }: { view: BuildView }) {
  const { imports, exports } = view.cache;
  if (!imports.length && !exports.length && !view.notes.length) {
    return null;
  }
  return (
    <ul className="ej-facts" aria-label="Caches and notes">
      {imports.slice(0, MOST).map((cache, index) => (
        <CacheFact key={`import ${index}`} direction="import" cache={cache} />
      ))}
      {exports.slice(0, MOST).map((cache, index) => (
        <CacheFact key={`export ${index}`} direction="export" cache={cache} />
      ))}
      {view.notes.slice(0, MOST).map((note, index) => (
        <Fact
          key={`note ${index}`}
          state={note.level === 'warning' ? 'warning' : 'note'}
          hint={note.hint}
        >
          <Prose text={note.message} />
        </Fact>
      ))}
    </ul>
  );
}

function CacheFact(props: { direction: 'import' | 'export'; cache: CacheView }) {
  const { direction, cache } = props;
  return (
    <Fact state={cache.state} hint={cache.hint}>
      {cacheWords(direction, cache.state)} <code>{oneLine(cache.entry)}</code>
      {cache.message && (
        <>
          : <Prose text={cache.message.replace(/\.+$/, '')} />.
        </>
      )}
    </Fact>
  );
}

/** Say what became of a cache, ahead of its setting. */
export function cacheWords(direction: 'import' | 'export', state: string): string {
  switch (state) {
    case 'ok':
      return direction === 'import' ? 'Imported from' : 'Exported to';
    case 'failed':
      return `Cache ${direction} failed`;
    case 'missing':
      return 'Nothing to import yet at';
    case 'skipped':
      return `Cache ${direction} not done`;
    default:
      return direction === 'import' ? 'Import from' : 'Export to';
  }
}

interface FactProps {
  state: string;
  hint: string | null;
  children: React.ReactNode;
}

function Fact({ state, hint, children }: FactProps) {
  return (
    <li data-state={state}>
      <span className="ej-glyph" aria-hidden="true">
        {GLYPHS[state] ?? '○'}
      </span>
      <span>
        {children}
        {hint && (
          <span className="ej-hint">
            {' '}
            <Prose text={hint} />
          </span>
        )}
      </span>
    </li>
  );
}
