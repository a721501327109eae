import type { Builds } from '../builds';
import { titleOf } from '../record';
import { useStore } from '../store';
import { headline } from '../wording';

interface Props {
  builds: Builds;
  onClick: () => void;
}

/** `build 7/15, 4 cached` while something is built, and nothing otherwise. */
export function StatusItem({ builds, onClick }: Props) {
  const running = useStore(builds.records).filter(record => record.state === 'running');
  const live = useStore(builds.live);
  const [first] = running;
  if (!first) {
    return null;
  }
  const words = running.length > 1 ? `${running.length} builds` : one();
  return (
    <button
      type="button"
      className="ej-status"
      data-builds={running.length}
      aria-label={`${words}. Show envd builds.`}
      title={running.map(titleOf).join(', ')}
      onClick={onClick}
    >
      <span className="ej-pulse" aria-hidden="true">
        ●
      </span>{' '}
      {words}
    </button>
  );

  function one(): string {
    const view = first && live.get(first.id)?.view;
    if (!view?.summary.total) {
      return view ? `build: ${headline(view)}` : 'build';
    }
    const { completed, total, cached } = view.summary;
    return `build ${completed}/${total}${cached ? `, ${cached} cached` : ''}`;
  }
}
