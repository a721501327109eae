/**
 * A connection that brings JSON, and is made again when it breaks.
 *
 * Waits longer after each failure, and starts at once when the page comes back or the network does.
 */

export type Connect = (path: string) => WebSocket;

export type SocketState = 'connecting' | 'open' | 'broken' | 'closed';

const FIRST_WAIT = 500;
const LONGEST_WAIT = 15_000;

interface Listener {
  message: (data: unknown) => void;
  state?: (state: SocketState) => void;
  /** Whether the server's goodbye is the end, and not a break. */
  ends?: boolean;
}

export class JsonSocket {
  constructor(
    private readonly connect: Connect,
    private readonly path: string,
    private readonly listener: Listener
  ) {
    window.addEventListener('online', this.hurry);
    document.addEventListener('visibilitychange', this.hurry);
    this.open();
  }

  get state(): SocketState {
    return this._state;
  }

  close(): void {
    if (this._state === 'closed') {
      return;
    }
    this.enter('closed');
    window.removeEventListener('online', this.hurry);
    document.removeEventListener('visibilitychange', this.hurry);
    window.clearTimeout(this.timer);
    this.drop();
  }

  private open(): void {
    this.enter('connecting');
    let socket: WebSocket;
    try {
      socket = this.connect(this.path);
    } catch {
      this.broke();
      return;
    }
    this.socket = socket;
    socket.onopen = () => {
      this.enter('open');
    };
    socket.onmessage = (event: MessageEvent) => {
      this.failures = 0;
      let data: unknown;
      try {
        data = JSON.parse(String(event.data));
      } catch {
        return;
      }
      this.listener.message(data);
    };
    socket.onclose = (event: CloseEvent) => {
      if (this.listener.ends && event.code === 1000) {
        this.close();
      } else {
        this.broke();
      }
    };
  }

  private broke(): void {
    this.drop();
    this.enter('broken');
    const wait = Math.min(FIRST_WAIT * 2 ** this.failures, LONGEST_WAIT);
    this.failures += 1;
    // Not all pages at the same moment after the server has been started again.
    this.timer = window.setTimeout(() => this.open(), wait * (0.75 + Math.random() / 2));
  }

  private drop(): void {
    const socket = this.socket;
    this.socket = null;
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    }
  }

  private readonly hurry = (): void => {
    if (this._state === 'broken' && !document.hidden) {
      window.clearTimeout(this.timer);
      this.open();
    }
  };

  private enter(state: SocketState): void {
    if (state !== this._state) {
      this._state = state;
      this.listener.state?.(state);
    }
  }

  private _state: SocketState = 'closed';
  private socket: WebSocket | null = null;
  private failures = 0;
  private timer = 0;
}
