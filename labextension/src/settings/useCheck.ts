import { useEffect, useState } from 'react';

import { said, type Api, type Checked } from '../api';
import { useSettled } from '../hooks';
import type { Direction } from '../table';

/**
 * What the server says of an entry, a moment after it was last changed. `null` while it is not
 * known.
 */
export function useCheck(api: Api, direction: Direction, entry: string): Checked | null {
  const settled = useSettled(entry, 200);
  const [answer, setAnswer] = useState<{ entry: string; checked: Checked } | null>(null);
  useEffect(() => {
    let wanted = true;
    const take = (checked: Checked): void => {
      if (wanted) {
        setAnswer({ entry: settled, checked });
      }
    };
    api
      .check(direction, settled)
      .then(take, (reason: unknown) =>
        take({ ok: false, message: said(reason), hint: null, option: null })
      );
    return () => {
      wanted = false;
    };
  }, [api, direction, settled]);
  return answer?.entry === entry ? answer.checked : null;
}
