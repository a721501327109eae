import { useCallback, useEffect, useState } from 'react';

import { said } from '../api';
import type { Builds } from '../builds';
import { useSettled } from '../hooks';
import type { BuildRecord } from '../record';
import { useStore } from '../store';

const PAGE = 50;

export interface History {
  records: readonly BuildRecord[];
  error: string | null;
  /** Whether there may be older ones. */
  more: boolean;
  showMore: () => void;
}

/**
 * The builds of the past that fit a filter. The latest come with the connection; the server is only
 * asked where that is not enough, and again when the list changes.
 */
export function useHistory(builds: Builds, text: string, state: string): History {
  const latest = useStore(builds.records);
  const wanted = useSettled(text.trim(), 250);
  const [limit, setLimit] = useState(PAGE);
  const [found, setFound] = useState<readonly BuildRecord[] | null>(null);
  const [error, setError] = useState<string | null>(null);
  const asks = wanted !== '' || state !== '' || limit > PAGE;
  // A running build changes the list twice a second; the past only changes when one ends.
  const ends = latest.map(record => `${record.id} ${record.state}`).join();

  useEffect(() => {
    if (!asks) {
      setFound(null);
      setError(null);
      return undefined;
    }
    let wantedStill = true;
    builds.api.builds({ limit, ...(wanted && { text: wanted }), ...(state && { state }) }).then(
      records => {
        if (wantedStill) {
          setFound(records);
          setError(null);
        }
      },
      (reason: unknown) => {
        if (wantedStill) {
          setError(said(reason));
        }
      }
    );
    return () => {
      wantedStill = false;
    };
  }, [builds, asks, wanted, state, limit, ends]);

  const records = asks && found ? found : latest;
  const showMore = useCallback(() => setLimit(before => before + PAGE), []);
  return {
    records: records.filter(record => record.state !== 'running'),
    error,
    more: records.length >= limit,
    showMore
  };
}
