import { useEffect, useId, useRef, useState, type FormEvent, type KeyboardEvent } from 'react';

import type { Api } from '../api';
import { Prose } from '../card/Prose';
import { Notice } from '../panel/Notice';
import { homeOf, scopeWords, type Preferences, type Scope } from '../preferences';
import { parseEntry, writeEntry, type CacheOption, type Direction, type Entry } from '../table';
import { sentences } from '../wording';
import { hidingScope } from './editing';
import { OptionField } from './OptionField';
import { useCacheTypes } from './useCacheTypes';
import { useCheck } from './useCheck';

interface Props {
  api: Api;
  preferences: Preferences;
  direction: Direction;
  /** The entry to begin with; empty for a new one. */
  start: string;
  /** Stores it; returns what went wrong, if something did. */
  onSave: (scope: Scope, entry: string) => Promise<string | null>;
  onClose: () => void;
}

// Ahead of the rest, though a setting can do without them.
const COMMON = new Set(['mode', 'name', 'scope', 'tag']);

/**
 * A form for one cache: the fields of its type, made from the server's table, and the server's word
 * on it while one types. What it writes is shown as one would type it.
 */
export function EntryEditor({ api, preferences, direction, start, onSave, onClose }: Props) {
  const id = useId();
  const types = useCacheTypes(api)?.[direction];
  const [entry, setEntry] = useState<Entry>(() =>
    start ? parseEntry(start) : { type: 'registry', attrs: {} }
  );
  const [touched, setTouched] = useState<ReadonlySet<string>>(new Set());
  const [scope, setScope] = useState<Scope>(() => homeOf(preferences, direction));
  const [saving, setSaving] = useState(false);
  const [refused, setRefused] = useState<string | null>(null);
  const form = useRef<HTMLFormElement>(null);

  // Only what the type knows is written: what was filled in for another one waits for its return.
  const options = types?.[entry.type];
  const names = new Set(options?.map(option => option.name));
  const attrs = options
    ? Object.fromEntries(Object.entries(entry.attrs).filter(([name]) => names.has(name)))
    : entry.attrs;
  const written = writeEntry({ type: entry.type, attrs });
  const checked = useCheck(api, direction, written);
  const hiding = hidingScope(preferences, direction, scope);

  const ready = types !== undefined;
  useEffect(() => {
    if (ready) {
      form.current?.querySelector<HTMLElement>('select, input')?.focus();
      form.current?.scrollIntoView({ block: 'nearest' });
    }
  }, [ready]);

  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setTouched(names);
    if (checked?.ok && !saving) {
      setSaving(true);
      setRefused(await onSave(scope, written));
      setSaving(false);
    }
  };

  const onKeyDown = (event: KeyboardEvent): void => {
    // Typing belongs to the form, not to the commands of the application.
    event.stopPropagation();
    if (event.key === 'Escape') {
      onClose();
    }
  };

  const wrong = checked?.ok === false ? checked : null;
  const isNamed =
    wrong?.option !== null && wrong?.option !== undefined && names.has(wrong.option);
  const field = (option: CacheOption) => (
    <OptionField
      key={option.name}
      option={option}
      value={entry.attrs[option.name] ?? ''}
      problem={
        wrong?.option === option.name && touched.has(option.name)
          ? sentences(wrong.message, wrong.hint)
          : null
      }
      onChange={value => {
        setTouched(new Set(touched).add(option.name));
        setRefused(null);
        setEntry({ ...entry, attrs: { ...entry.attrs, [option.name]: value } });
      }}
    />
  );
  const [first, more] = split(options ?? []);
  const set = more.filter(option => entry.attrs[option.name]).length;
  const told = wrong && (!isNamed || !touched.has(wrong.option ?? ''));

  // Nobody has done anything wrong in a form that has just been opened.
  const tone = checked?.ok ? 'ok' : wrong && (start || touched.size) ? 'failed' : 'pending';

  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <form
      ref={form}
      className="ej-editor"
      aria-label={start ? `Edit the ${direction}` : `New ${direction}`}
      noValidate
      onSubmit={event => void submit(event)}
      onKeyDown={onKeyDown}
    >
      <div className="ej-field">
        <label htmlFor={`${id}-type`}>type</label>
        <select
          id={`${id}-type`}
          data-option="type"
          value={entry.type}
          onChange={event => {
            setTouched(new Set());
            setEntry({ ...entry, type: event.target.value });
          }}
        >
          {Object.keys(types ?? { [entry.type]: [] }).map(type => (
            <option key={type} value={type}>
              {type}
            </option>
          ))}
        </select>
      </div>
      {first.map(field)}
      {more.length > 0 && (
        <details className="ej-more-options" open={set > 0 || undefined}>
          <summary>
            {more.length} more option{more.length === 1 ? '' : 's'}
            {set > 0 && `, ${set} set`}
          </summary>
          {more.map(field)}
        </details>
      )}
      <div className="ej-field">
        <label htmlFor={`${id}-scope`}>Remember for</label>
        <select
          id={`${id}-scope`}
          data-option="remember-for"
          value={scope}
          aria-describedby={`${id}-scope-help`}
          onChange={event => setScope(event.target.value as Scope)}
        >
          {preferences.scopes.map(one => (
            <option key={one} value={one}>
              {scopeWords(one)}
            </option>
          ))}
        </select>
        <p className="ej-help" id={`${id}-scope-help`}>
          {hiding && `Has no effect here: ${scopeWords(hiding)} has ${direction}s of its own.`}
        </p>
      </div>
      <div className="ej-checked" data-state={tone}>
        <code className="ej-written">{written}</code>
        <p role="status">
          {checked?.ok && <Prose text={checked.explain} />}
          {checked?.ok &&
            checked.warnings?.map(warning => (
              <span key={warning.message} className="ej-warning">
                <Prose text={sentences(warning.message, warning.hint)} />
              </span>
            ))}
          {told && <Prose text={sentences(wrong.message, wrong.hint)} />}
        </p>
      </div>
      {refused !== null && (
        <Notice tone="failed">
          <Prose text={refused} />
        </Notice>
      )}
      <div className="ej-editor-actions">
        <button type="submit" className="ej-button ej-accept" disabled={!checked?.ok || saving}>
          Save
        </button>
        <button type="button" className="ej-button" onClick={onClose}>
          Cancel
        </button>
      </div>
    </form>
  );
}

/** Set apart what a setting cannot do without, and what most people choose. */
function split(options: readonly CacheOption[]): [CacheOption[], CacheOption[]] {
  const first = options.filter(option => option.required || COMMON.has(option.name));
  return [first, options.filter(option => !first.includes(option))];
}
