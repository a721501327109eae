import { useEffect, useState } from 'react';

import { said, type Api } from '../api';
import { LogLines } from './lines';

const PAINT = 150;
const AGAIN = 1500;

export interface ReadLog {
  lines: readonly string[];
  dropped: number;
  loading: boolean;
  error: string | null;
}

const EMPTY: ReadLog = { lines: [], dropped: 0, loading: true, error: null };

/**
 * The log of a build, or of one step of it. A log only grows: while the build runs it is read again,
 * and what is known already is passed over.
 */
export function useLog(api: Api, id: string, step: string | null, running: boolean): ReadLog {
  const [log, setLog] = useState<ReadLog>(EMPTY);
  const [held, setHeld] = useState<{ key: string; lines: LogLines } | null>(null);
  const key = `${id} ${step ?? ''}`;
  useEffect(() => {
    setLog(EMPTY);
    setHeld({ key, lines: new LogLines() });
  }, [key]);

  useEffect(() => {
    if (held?.key !== key) {
      return undefined;
    }
    const { lines } = held;
    const stop = new AbortController();
    let timer = 0;
    let painted = 0;
    const show = (loading: boolean): void => {
      painted = Date.now();
      setLog({ lines: [...lines.lines], dropped: lines.dropped, loading, error: null });
    };
    const read = async (): Promise<void> => {
      const begun = Date.now();
      const body = await api.log(id, step, stop.signal);
      const reader = body?.getReader();
      let from = 0;
      for (let piece = await reader?.read(); piece?.value; piece = await reader?.read()) {
        lines.push(piece.value, from);
        from += piece.value.length;
        if (Date.now() - painted > PAINT) {
          show(true);
        }
      }
      show(running);
      if (running && !stop.signal.aborted) {
        // A long log is not read all the time.
        timer = window.setTimeout(start, Math.max(AGAIN, 4 * (Date.now() - begun)));
      }
    };
    const start = (): void => {
      read().catch((reason: unknown) => {
        if (!stop.signal.aborted) {
          setLog(before => ({ ...before, loading: false, error: said(reason) }));
        }
      });
    };
    start();
    return () => {
      stop.abort();
      window.clearTimeout(timer);
    };
  }, [api, id, step, key, held, running]);
  return log;
}
