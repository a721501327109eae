import type { ReactNode } from 'react';

import { ABSENT } from '../api';
import type { Builds } from '../builds';
import { Prose } from '../card/Prose';
import { useStore } from '../store';

interface Props {
  tone?: 'warning' | 'failed' | 'note';
  children: ReactNode;
}

/** Something to be known, set apart. */
export function Notice({ tone = 'note', children }: Props) {
  return (
    <div className="ej-notice" data-state={tone} role={tone === 'failed' ? 'alert' : 'status'}>
      {children}
    </div>
  );
}

/** What is wrong with the connection to the server, if something is. */
export function ConnectionNotice({ builds }: { builds: Builds }) {
  const connection = useStore(builds.connection);
  if (connection === 'absent') {
    return (
      <Notice tone="warning">
        <p>
          <Prose text={ABSENT} />
        </p>
        <button type="button" className="ej-button" onClick={() => builds.retry()}>
          Try again
        </button>
      </Notice>
    );
  }
  if (connection === 'broken') {
    return (
      <Notice tone="warning">The server cannot be reached. What is shown may be old.</Notice>
    );
  }
  return null;
}
