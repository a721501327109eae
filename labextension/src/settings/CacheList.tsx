import { useRef, useState } from 'react';

import type { Api } from '../api';
import { Icon, IconButton } from '../icons';
import {
  entriesOf,
  homeOf,
  isScope,
  scopeWords,
  type Preferences,
  type Scope
} from '../preferences';
import { parseEntry, type Direction } from '../table';
import { listOf, withEntry, withoutEntry } from './editing';
import { EntryEditor } from './EntryEditor';

interface Props {
  api: Api;
  preferences: Preferences;
  direction: Direction;
  /** Stores a list; returns what went wrong, if something did. */
  store: (scope: Scope, entries: string[], done: string) => Promise<string | null>;
  onError: (error: string) => void;
}

const TITLES: Record<Direction, string> = { export: 'Exports', import: 'Imports' };
const NOTHING: Record<Direction, string> = {
  export: 'No cache is exported.',
  import: 'No cache is imported.'
};

/** The caches of one direction, where they come from, and one editor at a time. */
export function CacheList({ api, preferences, direction, store, onError }: Props) {
  // The entry that is edited; '' is a new one.
  const [edited, setEdited] = useState<string | null>(null);
  const add = useRef<HTMLButtonElement>(null);
  const { entries, from } = entriesOf(preferences, direction);
  const title = TITLES[direction];

  const close = (): void => {
    setEdited(null);
    // Back to where one came from, not to the top of the page.
    window.setTimeout(() => add.current?.focus());
  };

  const save = async (scope: Scope, entry: string): Promise<string | null> => {
    const instead = edited === '' || edited === null ? undefined : edited;
    const list = withEntry(listOf(preferences, direction, scope), entry, instead);
    const done = instead ? `Changed the ${direction}` : `Added the ${direction}`;
    const error = await store(scope, list, done);
    if (error === null) {
      close();
    }
    return error;
  };

  const remove = async (entry: string): Promise<void> => {
    const scope = homeOf(preferences, direction);
    const list = withoutEntry(listOf(preferences, direction, scope), entry);
    const error = await store(scope, list, `Removed the ${direction}`);
    if (error === null) {
      add.current?.focus();
    } else {
      onError(error);
    }
  };

  return (
    <section className="ej-caches" aria-label={title} data-direction={direction}>
      <div className="ej-caches-head">
        <h3>{title}</h3>
        <button
          ref={add}
          type="button"
          className="ej-button ej-small"
          aria-label={`Add an ${direction}`}
          aria-expanded={edited === ''}
          onClick={() => setEdited('')}
        >
          <Icon name="add" /> Add
        </button>
      </div>
      {from && (
        <p className="ej-from" data-from={from}>
          {origin(from)}
        </p>
      )}
      {!entries.length && edited === null && <p className="ej-none">{NOTHING[direction]}</p>}
      <ul className="ej-entries">
        {entries.map(entry =>
          entry === edited ? (
            <li key={entry}>
              <EntryEditor
                api={api}
                preferences={preferences}
                direction={direction}
                start={entry}
                onSave={save}
                onClose={close}
              />
            </li>
          ) : (
            <EntryRow
              key={entry}
              entry={entry}
              direction={direction}
              onEdit={() => setEdited(entry)}
              onRemove={() => void remove(entry)}
            />
          )
        )}
      </ul>
      {edited === '' && (
        <EntryEditor
          api={api}
          preferences={preferences}
          direction={direction}
          start=""
          onSave={save}
          onClose={close}
        />
      )}
    </section>
  );
}

function origin(from: string): string {
  return isScope(from) || from === 'config' ? `from ${scopeWords(from)}` : from;
}

interface RowProps {
  entry: string;
  direction: Direction;
  onEdit: () => void;
  onRemove: () => void;
}

function EntryRow({ entry, direction, onEdit, onRemove }: RowProps) {
  const { type, attrs } = parseEntry(entry);
  return (
    <li className="ej-entry" data-entry={entry}>
      <span className="ej-tag">{type}</span>
      <dl title={entry}>
        {Object.entries(attrs).map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <span className="ej-entry-actions">
        <IconButton icon="edit" label={`Edit the ${direction} ${entry}`} onClick={onEdit} />
        <IconButton
          icon="remove"
          label={`Remove the ${direction} ${entry}`}
          onClick={onRemove}
        />
      </span>
    </li>
  );
}
