import { useEffect, useState } from 'react';

import type { BuildActions } from '../actions';
import type { Builds } from '../builds';
import { END_STATES, titleOf } from '../record';
import { useStore } from '../store';
import { BUILD_WORDS } from '../wording';
import { HistoryList } from './HistoryList';
import { ConnectionNotice, Notice } from './Notice';
import { Running } from './Running';
import { useHistory } from './useHistory';

interface Props {
  builds: Builds;
  actions: BuildActions;
}

/** The running builds and the history, with a filter. */
export function BuildsView({ builds, actions }: Props) {
  const [text, setText] = useState('');
  const [state, setState] = useState('');
  const history = useHistory(builds, text, state);
  const filtered = text.trim() !== '' || state !== '';
  const connection = useStore(builds.connection);
  const any = useStore(builds.records).length > 0;
  if (connection === 'absent') {
    return <ConnectionNotice builds={builds} />;
  }
  return (
    <div className="ej-builds">
      <ConnectionNotice builds={builds} />
      <Running builds={builds} actions={actions} />
      {any && (
        <div className="ej-filter" role="search">
          <input
            type="search"
            value={text}
            placeholder="Filter builds"
            aria-label="Filter builds by project, image, notebook, cache or message"
            spellCheck={false}
            onChange={event => setText(event.target.value)}
          />
          <select
            value={state}
            aria-label="Show builds that ended in a state"
            onChange={event => setState(event.target.value)}
          >
            <option value="">any end</option>
            {END_STATES.map(one => (
              <option key={one} value={one}>
                {BUILD_WORDS[one]?.split(':')[0]}
              </option>
            ))}
          </select>
        </div>
      )}
      {history.error && <Notice tone="failed">{history.error}</Notice>}
      <section aria-label="History" className="ej-history">
        <HistoryList records={history.records} actions={actions} />
        {filtered && !history.records.length && (
          <p className="ej-empty">No build fits the filter.</p>
        )}
        {history.more && (
          <button type="button" className="ej-button ej-more" onClick={history.showMore}>
            Show older builds
          </button>
        )}
      </section>
      {connection === 'open' && !any && <Nothing actions={actions} />}
      <Announcer builds={builds} />
    </div>
  );
}

function Nothing({ actions }: { actions: BuildActions }) {
  return (
    <div className="ej-empty">
      <p>
        No builds yet. Run <code>%envd_build</code> in a notebook, or choose everything in a
        form.
      </p>
      <button type="button" className="ej-button" onClick={() => actions.form()}>
        Open a build form
      </button>
    </div>
  );
}

/** Says aloud how a build ended. */
function Announcer({ builds }: { builds: Builds }) {
  const ended = useStore(builds.ended);
  const [words, setWords] = useState('');
  useEffect(() => {
    if (ended) {
      const word = BUILD_WORDS[ended.state] ?? ended.state;
      setWords(`The build ${titleOf(ended)} has ended: ${word}.`);
    }
  }, [ended]);
  return (
    <div className="ej-sr" role="status">
      {words}
    </div>
  );
}
