import { describe, expect, it, vi } from 'vitest';

import { Api } from '../src/api';
import { Builds, elapsedNow } from '../src/builds';
import type { BuildRecord } from '../src/record';
import type { BuildView } from '../src/view';
import words from './words.json';

const view = words.views.running.view as BuildView;

function record(id: string, state: string): BuildRecord {
  return {
    ...{ id, state, project: '/p', title: 'train', notebook: null, kernel: null, image: null },
    ...{ digest: null, builder: null, started: 1, completed: null, duration: null, total: 0 },
    ...{ cached: 0, exports: [], imports: [], message: null }
  };
}

interface Line {
  path: string;
  closed: boolean;
  say: (data: unknown) => void;
  end: (code: number) => void;
}

function connected(answer: () => Response = () => new Response('{"builds": []}')) {
  const lines: Line[] = [];
  const connect = (path: string): WebSocket => {
    const socket = {} as WebSocket;
    const line: Line = {
      path,
      closed: false,
      say: data => {
        socket.onmessage?.({ data: JSON.stringify(data) } as MessageEvent);
      },
      end: code => {
        socket.onclose?.({ code } as CloseEvent);
      }
    };
    socket.close = () => {
      line.closed = true;
    };
    lines.push(line);
    return socket;
  };
  const builds = new Builds(new Api(() => Promise.resolve(answer())), connect);
  const open = (path: string): Line[] =>
    lines.filter(line => line.path.startsWith(path) && !line.closed);
  return { builds, open };
}

describe('the builds', () => {
  it('are followed one by one while they run, and no longer', () => {
    const { builds, open } = connected();
    const [watch] = open('watch');
    watch?.say({ type: 'builds', builds: [record('b', 'running'), record('a', 'succeeded')] });
    watch?.say({ type: 'builds', builds: [record('b', 'running'), record('a', 'succeeded')] });
    const [line, ...others] = open('builds/b/events');
    expect(others).toHaveLength(0);
    expect(open('builds/a')).toHaveLength(0);
    line?.say(view);
    expect(builds.live.get().get('b')?.view.summary.completed).toBe(12);
    watch?.say({ type: 'builds', builds: [record('b', 'failed'), record('a', 'succeeded')] });
    expect(open('builds/b')).toHaveLength(0);
    expect(builds.live.get().size).toBe(0);
    expect(builds.ended.get()?.id).toBe('b');
    builds.dispose();
  });

  it('tell no end of what had ended before the page was opened', () => {
    const { builds, open } = connected();
    open('watch')[0]?.say({ type: 'builds', builds: [record('a', 'failed')] });
    expect(builds.ended.get()).toBeNull();
    builds.dispose();
  });

  it('come with the settings of the kernel that is followed', () => {
    const { builds, open } = connected();
    builds.follow('k 1');
    expect(open('watch').map(line => line.path)).toEqual(['watch?kernel_id=k%201']);
    const preferences = { settings: {}, messages: [], scopes: [], layers: [] };
    open('watch')[0]?.say({ type: 'preferences', preferences });
    expect(builds.preferences.get()).toEqual(preferences);
    builds.follow('k2');
    expect(builds.preferences.get()).toBeNull();
    expect(open('watch')).toHaveLength(1);
    builds.dispose();
  });

  it('are asked for no more where the server lacks the extension', async () => {
    const { builds, open } = connected(() => new Response('', { status: 404 }));
    open('watch')[0]?.end(1006);
    await vi.waitFor(() => expect(builds.connection.get()).toBe('absent'));
    expect(open('watch')).toHaveLength(0);
    builds.retry();
    expect(open('watch')).toHaveLength(1);
    builds.dispose();
  });
});

describe('elapsedNow', () => {
  it('goes on by the clock of this machine, and stands when the build has ended', () => {
    expect(elapsedNow({ view, at: 1000 }, 3500)).toBeCloseTo(16.7);
    expect(elapsedNow({ view, at: 1000 }, 500)).toBe(14.2);
    expect(elapsedNow({ view: { ...view, state: 'failed' }, at: 1000 }, 3500)).toBe(14.2);
  });
});
