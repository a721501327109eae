import { useEffect, useState } from 'react';

import type { Api } from '../api';
import type { CacheTypes } from '../table';

const known = new WeakMap<Api, Promise<CacheTypes>>();

/** The table of options; it is asked for once. */
export function useCacheTypes(api: Api): CacheTypes | null {
  const [types, setTypes] = useState<CacheTypes | null>(null);
  useEffect(() => {
    let wanted = true;
    let asked = known.get(api);
    if (!asked) {
      asked = api.cacheTypes();
      known.set(api, asked);
      asked.catch(() => known.delete(api));
    }
    asked.then(
      table => {
        if (wanted) {
          setTypes(table);
        }
      },
      () => undefined
    );
    return () => {
      wanted = false;
    };
  }, [api]);
  return types;
}
