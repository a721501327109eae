import { describe, expect, it } from 'vitest';

import { homeOf, type Layer, type Preferences, type Scope } from '../src/preferences';
import { hidingScope, listOf, withEntry, withoutEntry } from '../src/settings/editing';

function layer(name: string, exports?: string[]): Layer {
  return { name, where: null, settings: exports ? { 'export-cache': exports } : {} };
}

function remembered(from: string, value: string[], ...layers: Layer[]): Preferences {
  const scopes: Scope[] = ['kernel', 'notebook', 'project', 'user'];
  return { settings: { 'export-cache': { value, from } }, messages: [], scopes, layers };
}

describe('changing the caches', () => {
  const preferences = remembered(
    'project',
    ['a', 'b'],
    layer('user', ['u']),
    layer('project', ['a', 'b'])
  );

  it('begins with the list of the scope, or else with the one in effect', () => {
    expect(listOf(preferences, 'export', 'user')).toEqual(['u']);
    expect(listOf(preferences, 'export', 'kernel')).toEqual(['a', 'b']);
  });

  it('adds, replaces and removes, and keeps nothing twice', () => {
    expect(withEntry(['a', 'b'], 'c')).toEqual(['a', 'b', 'c']);
    expect(withEntry(['a', 'b'], 'c', 'a')).toEqual(['c', 'b']);
    expect(withEntry(['a', 'b'], 'b', 'a')).toEqual(['b']);
    expect(withEntry(['a'], 'c', 'gone meanwhile')).toEqual(['a', 'c']);
    expect(withoutEntry(['a', 'b'], 'a')).toEqual(['b']);
  });

  it('stays where the setting is, and begins in the notebook', () => {
    expect(homeOf(preferences, 'export')).toBe('project');
    expect(homeOf(preferences, 'import')).toBe('notebook');
    expect(homeOf(remembered('config', ['a']), 'export')).toBe('notebook');
  });

  it('knows which scope hides another', () => {
    expect(hidingScope(preferences, 'export', 'user')).toBe('project');
    expect(hidingScope(preferences, 'export', 'kernel')).toBeNull();
    expect(hidingScope(preferences, 'import', 'user')).toBeNull();
  });
});
