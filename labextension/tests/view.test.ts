import { describe, expect, it } from 'vitest';

import { readView } from '../src/view';

describe('readView', () => {
  it.each([null, 3, 'text', [], {}, { title: 'x' }])('takes %j for no build', value => {
    expect(readView(value)).toBeNull();
  });

  it('gives harmless values to what another version left out or got wrong', () => {
    const view = readView({
      state: 'succeeded',
      title: 7,
      summary: { total: 'many', cached: 2 },
      steps: [{ name: 'a', log_tail: ['x', 3], progress: [{ current: NaN }] }, 'step'],
      cache: { imports: 'none' },
      error: { log_tail: null },
      notes: [{ message: ['x'] }]
    });
    expect(view).toMatchObject({
      title: 'build',
      summary: { total: 0, cached: 2 },
      cache: { imports: [], exports: [] },
      error: { message: '', log_tail: [] },
      notes: [{ level: 'note', message: '' }]
    });
    expect(view?.steps).toHaveLength(1);
    expect(view?.steps[0]).toMatchObject({ name: 'a', state: 'waiting', log_tail: ['x'] });
    expect(view?.steps[0]?.progress[0]?.current).toBe(0);
  });
});
