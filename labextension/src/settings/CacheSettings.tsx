import { useState } from 'react';

import { said, type Api, type Changes } from '../api';
import type { Builds } from '../builds';
import { Prose } from '../card/Prose';
import { ConnectionNotice, Notice } from '../panel/Notice';
import { KEYS, scopeWords, type Preferences, type Scope } from '../preferences';
import { useStore, type Store } from '../store';
import type { Direction } from '../table';
import { CacheList } from './CacheList';
import { OtherSettings } from './OtherSettings';

/** The kernel whose settings are shown, as a person knows it. */
export interface CurrentKernel {
  id: string;
  name: string;
  /** The notebook or console it belongs to. */
  title: string;
}

interface Props {
  builds: Builds;
  kernel: Store<CurrentKernel | null>;
}

/** What is remembered for builds in the notebook at hand, and the means to change it. */
export function CacheSettings({ builds, kernel }: Props) {
  const current = useStore(kernel);
  const preferences = useStore(builds.preferences);
  const connection = useStore(builds.connection);
  if (connection === 'absent') {
    return <ConnectionNotice builds={builds} />;
  }
  if (!current) {
    return (
      <p className="ej-empty">
        Open a notebook with a running kernel to see and change what it remembers for builds.
      </p>
    );
  }
  return (
    <div className="ej-settings" data-kernel={current.id}>
      <p className="ej-settings-of">
        <b>{current.title}</b> <span className="ej-dim">{current.name}</span>
      </p>
      {preferences ? (
        <Loaded
          key={current.id}
          api={builds.api}
          kernel={current.id}
          preferences={preferences}
          onChange={changed => builds.preferences.set(changed)}
        />
      ) : (
        <p className="ej-empty" role="status">
          Looking …
        </p>
      )}
    </div>
  );
}

interface LoadedProps {
  api: Api;
  kernel: string;
  preferences: Preferences;
  onChange: (preferences: Preferences) => void;
}

function Loaded({ api, kernel, preferences, onChange }: LoadedProps) {
  const [error, setError] = useState<string | null>(null);
  const [words, setWords] = useState('');

  /** Change settings; returns what went wrong, if something did. */
  const change = async (
    scope: Scope,
    changes: Changes,
    done: string
  ): Promise<string | null> => {
    try {
      onChange(await api.change(kernel, scope, changes));
      setError(null);
      setWords(`${done} for ${scopeWords(scope)}.`);
      return null;
    } catch (reason) {
      return said(reason);
    }
  };

  const list = (direction: Direction) => (
    <CacheList
      api={api}
      preferences={preferences}
      direction={direction}
      store={(scope, entries, done) => change(scope, { [KEYS[direction]]: entries }, done)}
      onError={setError}
    />
  );
  return (
    <>
      {preferences.messages.map(message => (
        <Notice key={message} tone="warning">
          <Prose text={message} />
        </Notice>
      ))}
      {error && (
        <Notice tone="failed">
          <Prose text={error} />
        </Notice>
      )}
      {list('export')}
      {list('import')}
      <OtherSettings
        preferences={preferences}
        forget={async (scope, key) => {
          setError(await change(scope, { [key]: null }, `Forgot ${key}`));
        }}
      />
      <div className="ej-sr" role="status">
        {words}
      </div>
    </>
  );
}
