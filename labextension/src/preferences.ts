/**
 * What is remembered for builds of a kernel: `preferences_json` of
 * `envd_jupyter/builds/preferences/saving.py`.
 */

import type { Direction } from './table';

export type Scope = 'kernel' | 'notebook' | 'project' | 'user';

export type Value = string | boolean | string[];

export interface Layer {
  name: string;
  where: string | null;
  settings: Record<string, Value>;
  messages?: string[];
}

export interface Preferences {
  settings: Record<string, { value: Value; from: string }>;
  messages: string[];
  scopes: Scope[];
  layers: Layer[];
  kernel?: { id: string; name: string | null; notebook: string | null };
}

/** The settings that hold caches. */
export const KEYS: Record<Direction, string> = {
  export: 'export-cache',
  import: 'import-cache'
};

const SCOPE_WORDS: Record<string, string> = {
  kernel: 'this kernel',
  notebook: 'this notebook',
  project: 'the project',
  user: 'you, everywhere',
  config: 'your IPython configuration'
};

/** Return a layer as one says it in a sentence. */
export function scopeWords(name: string): string {
  return SCOPE_WORDS[name] ?? name;
}

export function isScope(name: string): name is Scope {
  return name === 'kernel' || name === 'notebook' || name === 'project' || name === 'user';
}

/** Return the caches in effect, and the layer they come from. */
export function entriesOf(
  preferences: Preferences,
  direction: Direction
): { entries: string[]; from: string | null } {
  const setting = preferences.settings[KEYS[direction]];
  return {
    entries: Array.isArray(setting?.value) ? setting.value : [],
    from: setting?.from ?? null
  };
}

/**
 * Return where a change to a setting is best kept: where it comes from, if that can be changed,
 * else the notebook, so that it is there tomorrow.
 */
export function homeOf(preferences: Preferences, direction: Direction): Scope {
  const { from } = entriesOf(preferences, direction);
  if (from && isScope(from) && preferences.scopes.includes(from)) {
    return from;
  }
  return preferences.scopes.includes('notebook')
    ? 'notebook'
    : (preferences.scopes[0] ?? 'kernel');
}
