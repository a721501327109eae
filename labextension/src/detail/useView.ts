import { useEffect, useState } from 'react';

import { said } from '../api';
import type { Builds } from '../builds';
import { readView, type BuildView } from '../view';

export interface Viewed {
  view: BuildView | null;
  error: string | null;
}

/** A build as it goes on, or as it ended. */
export function useView(builds: Builds, id: string): Viewed {
  const [viewed, setViewed] = useState<Viewed>({ view: null, error: null });
  useEffect(() => {
    const socket = builds.socketOf(id, data => {
      const view = readView(data);
      if (view) {
        setViewed({ view, error: null });
      }
    });
    // A socket cannot say why it is refused: a request can.
    builds.api.view(id).then(
      view => setViewed(before => (before.view ? before : { view, error: null })),
      (reason: unknown) => {
        setViewed(before => (before.view ? before : { view: null, error: said(reason) }));
        socket.close();
      }
    );
    return () => socket.close();
  }, [builds, id]);
  return viewed;
}
