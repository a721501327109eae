import { useRef, useState, type KeyboardEvent } from 'react';

import type { BuildActions } from '../actions';
import { dayOf, titleOf, type BuildRecord } from '../record';
import { HistoryRow } from './HistoryRow';

interface Props {
  records: readonly BuildRecord[];
  actions: BuildActions;
}

/**
 * Builds of the past by day, the latest first.
 *
 * One stop of the Tab key: the arrows go from build to build, Tab goes on to what can be done with
 * the one at hand, Enter opens it and Delete forgets it.
 */
export function HistoryList({ records, actions }: Props) {
  const [chosen, setChosen] = useState<string | null>(null);
  const list = useRef<HTMLDivElement>(null);
  const at = Math.max(
    records.findIndex(record => record.id === chosen),
    0
  );

  const go = (place: number): void => {
    const record = records[Math.min(Math.max(place, 0), records.length - 1)];
    if (record) {
      setChosen(record.id);
      const rows = list.current?.querySelectorAll<HTMLElement>('[data-build]') ?? [];
      const row = Array.from(rows).find(one => one.dataset.build === record.id);
      row?.querySelector<HTMLElement>('.ej-open')?.focus();
    }
  };

  const onKeyDown = (event: KeyboardEvent): void => {
    const record = records[at];
    const steps: Record<string, () => void> = {
      ArrowDown: () => go(at + 1),
      ArrowUp: () => go(at - 1),
      Home: () => go(0),
      End: () => go(records.length - 1),
      Delete: () => record && void actions.forget(record.id, titleOf(record))
    };
    const step = steps[event.key];
    if (step && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      event.stopPropagation();
      step();
    }
  };

  const now = new Date();
  const days = new Map<string, BuildRecord[]>();
  for (const record of records) {
    const day = dayOf(record.started, now);
    days.set(day, [...(days.get(day) ?? []), record]);
  }
  return (
    // The keys are those of the buttons within.
    // eslint-disable-next-line jsx-a11y/no-static-element-interactions
    <div ref={list} onKeyDown={onKeyDown}>
      {[...days].map(([day, some]) => (
        <section key={day} aria-label={day}>
          <h3 className="ej-day">{day}</h3>
          <ul className="ej-rows">
            {some.map(record => (
              <HistoryRow
                key={record.id}
                record={record}
                current={record.id === (records[at]?.id ?? null)}
                onFocus={() => setChosen(record.id)}
                actions={actions}
              />
            ))}
          </ul>
        </section>
      ))}
    </div>
  );
}
