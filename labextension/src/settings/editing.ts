/** What a change of the caches comes to: the list to store, and where. */
import { KEYS, entriesOf, type Preferences, type Scope } from '../preferences';
import type { Direction } from '../table';

/** Weakest last: a stronger scope hides what a weaker one holds. */
const STRENGTH: readonly Scope[] = ['kernel', 'notebook', 'project', 'user'];

/**
 * Return the list of a scope to begin with: its own, or else the one in effect, which the change
 * takes over into the scope (as `%envd_cache` does).
 */
export function listOf(preferences: Preferences, direction: Direction, scope: Scope): string[] {
  const own = preferences.layers.find(layer => layer.name === scope)?.settings[KEYS[direction]];
  return Array.isArray(own) ? own : entriesOf(preferences, direction).entries;
}

/** Return the list with an entry added, or put in the place of another one. */
export function withEntry(list: readonly string[], entry: string, instead?: string): string[] {
  const changed =
    instead === undefined || !list.includes(instead)
      ? [...list, entry]
      : list.map(one => (one === instead ? entry : one));
  return [...new Set(changed)];
}

/** Return the list without an entry. */
export function withoutEntry(list: readonly string[], entry: string): string[] {
  return list.filter(one => one !== entry);
}

/** Return the stronger scope whose own list hides that of `scope`, if there is one. */
export function hidingScope(
  preferences: Preferences,
  direction: Direction,
  scope: Scope
): Scope | null {
  const stronger = STRENGTH.slice(0, STRENGTH.indexOf(scope));
  return (
    stronger.find(name =>
      preferences.layers.some(
        layer => layer.name === name && layer.settings[KEYS[direction]] !== undefined
      )
    ) ?? null
  );
}
