import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { JsonSocket, type SocketState } from '../src/socket';

/** The browser's end of a connection, moved by hand. */
class Line {
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  closed = false;

  close(): void {
    this.closed = true;
  }
}

let lines: Line[];
const connect = (): WebSocket => {
  const line = new Line();
  lines.push(line);
  return line as unknown as WebSocket;
};

beforeEach(() => {
  lines = [];
  vi.useFakeTimers();
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe('a connection', () => {
  it('is made again when it breaks, later each time, and at once after a message', () => {
    const states: SocketState[] = [];
    const heard: unknown[] = [];
    const socket = new JsonSocket(connect, 'watch', {
      message: data => heard.push(data),
      state: state => states.push(state)
    });
    lines[0]?.onclose?.({ code: 1006 });
    vi.advanceTimersByTime(499);
    expect(lines).toHaveLength(1);
    vi.advanceTimersByTime(1);
    expect(lines).toHaveLength(2);
    lines[1]?.onclose?.({ code: 1006 });
    vi.advanceTimersByTime(999);
    expect(lines).toHaveLength(2);
    vi.advanceTimersByTime(1);
    lines[2]?.onopen?.();
    lines[2]?.onmessage?.({ data: '{"n": 1}' });
    lines[2]?.onmessage?.({ data: 'no JSON' });
    expect(heard).toEqual([{ n: 1 }]);
    lines[2]?.onclose?.({ code: 1001 });
    vi.advanceTimersByTime(500);
    expect(lines).toHaveLength(4);
    expect(states.slice(0, 2)).toEqual(['connecting', 'broken']);
    socket.close();
  });

  it('does not wait when the network is back', () => {
    const socket = new JsonSocket(connect, 'watch', { message: () => undefined });
    lines[0]?.onclose?.({ code: 1006 });
    window.dispatchEvent(new Event('online'));
    expect(lines).toHaveLength(2);
    socket.close();
  });

  it('ends with the goodbye of a build that has ended, and only then', () => {
    const options = { message: () => undefined, ends: true };
    const socket = new JsonSocket(connect, 'events', options);
    lines[0]?.onclose?.({ code: 1012 });
    vi.advanceTimersByTime(500);
    expect(lines).toHaveLength(2);
    lines[1]?.onclose?.({ code: 1000 });
    vi.advanceTimersByTime(60_000);
    expect(lines).toHaveLength(2);
    expect(socket.state).toBe('closed');
  });

  it('is silent once it is closed', () => {
    const heard: unknown[] = [];
    const socket = new JsonSocket(connect, 'watch', { message: data => heard.push(data) });
    socket.close();
    expect(lines[0]?.closed).toBe(true);
    expect(lines[0]?.onmessage).toBeNull();
    vi.advanceTimersByTime(60_000);
    expect(lines).toHaveLength(1);
  });
});
