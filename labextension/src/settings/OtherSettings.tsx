import { IconButton } from '../icons';
import {
  KEYS,
  isScope,
  scopeWords,
  type Preferences,
  type Scope,
  type Value
} from '../preferences';

interface Props {
  preferences: Preferences;
  forget: (scope: Scope, key: string) => Promise<unknown>;
}

const CACHES = new Set(Object.values(KEYS));

/** What else is remembered for builds: output, builder, path, … */
export function OtherSettings({ preferences, forget }: Props) {
  const others = Object.entries(preferences.settings).filter(([key]) => !CACHES.has(key));
  if (!others.length) {
    return null;
  }
  return (
    <section className="ej-others" aria-label="Other remembered settings">
      <h3>Also remembered</h3>
      <ul>
        {others.map(([key, { value, from }]) => (
          <li key={key} className="ej-other" data-setting={key}>
            <span>
              {key} <span className="ej-from">from {scopeWords(from)}</span>
            </span>
            {isScope(from) && (
              <IconButton
                icon="remove"
                label={`Forget ${key} for ${scopeWords(from)}`}
                onClick={() => void forget(from, key)}
              />
            )}
            <code>{written(value)}</code>
          </li>
        ))}
      </ul>
    </section>
  );
}

function written(value: Value): string {
  return Array.isArray(value) ? value.join(',') : String(value);
}
