import { useEffect } from 'react';

import type { BuildActions, BuildPart } from '../actions';
import type { Builds } from '../builds';
import { BuildCard } from '../card/BuildCard';
import { Prose } from '../card/Prose';
import { Icon } from '../icons';
import { Notice } from '../panel/Notice';
import { useStore, type Store } from '../store';
import { Log } from './Log';
import { Report } from './Report';
import { Tabs } from './Tabs';
import { useView } from './useView';

interface Props {
  builds: Builds;
  id: string;
  part: Store<BuildPart>;
  actions: BuildActions;
  /** Told what is built, once it is known. */
  onTitle: (title: string) => void;
}

const PARTS = [
  { name: 'steps', title: 'Steps' },
  { name: 'log', title: 'Log' },
  { name: 'report', title: 'Why did it run again?' }
] as const;

/** All there is to know of one build. */
export function BuildDocument({ builds, id, part, actions, onTitle }: Props) {
  const { view, error } = useView(builds, id);
  const chosen = useStore(part);
  const title = view?.title;
  useEffect(() => {
    if (title !== undefined) {
      onTitle(title);
    }
  }, [title, onTitle]);
  if (error) {
    return (
      <Notice tone="failed">
        <Prose text={error} />
      </Notice>
    );
  }
  if (!view) {
    return (
      <p className="ej-empty" role="status">
        Looking for the build …
      </p>
    );
  }
  const running = view.state === 'running';
  return (
    <>
      <div className="ej-document-actions" role="toolbar" aria-label="What can be done with it">
        {running ? (
          <button
            type="button"
            className="ej-button"
            data-action="cancel"
            onClick={() => void actions.cancel(id)}
          >
            <Icon name="cancel" /> Cancel
          </button>
        ) : (
          <>
            <button
              type="button"
              className="ej-button"
              data-action="rebuild"
              onClick={() => void actions.rebuild(id)}
            >
              <Icon name="rebuild" /> Build again
            </button>
            <button
              type="button"
              className="ej-button"
              data-action="remove"
              onClick={() => void actions.forget(id, view.title)}
            >
              <Icon name="remove" /> Delete
            </button>
          </>
        )}
      </div>
      <Tabs
        label={`Build ${view.title}`}
        tabs={PARTS}
        chosen={chosen}
        onChoose={name => part.set(name)}
      >
        {chosen === 'steps' && (
          <div className="ej-output">
            <BuildCard view={view} rows={60} />
          </div>
        )}
        {chosen === 'log' && <Log api={builds.api} view={view} />}
        {chosen === 'report' && <Report api={builds.api} id={id} state={view.state} />}
      </Tabs>
    </>
  );
}
