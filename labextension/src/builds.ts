/**
 * The builds of this person, kept up to date while the page is open.
 *
 * One connection brings the list and the settings of the current kernel; each running build has a
 * connection of its own that brings its progress, for as long as it runs.
 */
import { ABSENT, ApiError, type Api } from './api';
import type { Preferences } from './preferences';
import type { BuildRecord } from './record';
import { JsonSocket, type Connect } from './socket';
import { Store } from './store';
import { readView, type BuildView } from './view';

/** How the server is reached: `absent` means that it lacks the extension. */
export type Connection = 'connecting' | 'open' | 'broken' | 'absent';

/** A running build's progress, and when it was told, in milliseconds of this machine. */
export interface Live {
  view: BuildView;
  at: number;
}

// So many running builds are followed step by step; nobody looks at more at a time.
const MOST_FOLLOWED = 12;

export class Builds {
  readonly records = new Store<readonly BuildRecord[]>([]);
  readonly live = new Store<ReadonlyMap<string, Live>>(new Map());
  readonly connection = new Store<Connection>('connecting');
  readonly kernel = new Store<string | null>(null);
  readonly preferences = new Store<Preferences | null>(null);
  /** The build that ended last, while the page was open. */
  readonly ended = new Store<BuildRecord | null>(null);

  constructor(
    readonly api: Api,
    private readonly connect: Connect
  ) {
    this.watch();
  }

  get running(): readonly BuildRecord[] {
    return this.records.get().filter(record => record.state === 'running');
  }

  /** Follow the settings of this kernel from now on. */
  follow(kernel: string | null): void {
    if (kernel !== this.kernel.get()) {
      this.kernel.set(kernel);
      this.preferences.set(null);
      this.watch();
    }
  }

  /** Ask again, for example because the server extension has been installed meanwhile. */
  retry(): void {
    this.connection.set('connecting');
    this.watch();
  }

  /** Receive the views of a build until it has ended. */
  socketOf(id: string, message: (data: unknown) => void): JsonSocket {
    const path = `builds/${encodeURIComponent(id)}/events?as=view`;
    return new JsonSocket(this.connect, path, { ends: true, message });
  }

  dispose(): void {
    this.socket?.close();
    for (const socket of this.followed.values()) {
      socket.close();
    }
    this.followed.clear();
  }

  private watch(): void {
    this.socket?.close();
    const kernel = this.kernel.get();
    const path = kernel ? `watch?kernel_id=${encodeURIComponent(kernel)}` : 'watch';
    this.socket = new JsonSocket(this.connect, path, {
      message: data => this.take(data),
      state: state => {
        if (state === 'open') {
          this.connection.set('open');
        } else if (state === 'broken') {
          void this.wonder();
        }
      }
    });
  }

  /** Find out why there is no connection: the server may be away, or lack the extension. */
  private async wonder(): Promise<void> {
    if (this.connection.get() === 'absent') {
      return;
    }
    try {
      await this.api.builds({ limit: 1 });
      this.connection.set('broken');
    } catch (error) {
      const absent = error instanceof ApiError && error.hint === ABSENT;
      this.connection.set(absent ? 'absent' : 'broken');
      if (absent) {
        this.socket?.close();
      }
    }
  }

  private take(data: unknown): void {
    if (typeof data !== 'object' || data === null) {
      return;
    }
    const message = data as {
      type?: string;
      builds?: BuildRecord[];
      preferences?: Preferences;
    };
    if (message.type === 'builds' && message.builds) {
      this.list(message.builds);
    } else if (message.type === 'preferences' && message.preferences) {
      this.preferences.set(message.preferences);
    }
  }

  private list(records: BuildRecord[]): void {
    const before = new Map(this.records.get().map(record => [record.id, record]));
    this.records.set(records);
    const running = this.running.slice(0, MOST_FOLLOWED).map(record => record.id);
    for (const id of running) {
      if (!this.followed.has(id)) {
        this.followed.set(id, this.followBuild(id));
      }
    }
    for (const [id, socket] of this.followed) {
      if (!running.includes(id)) {
        socket.close();
        this.followed.delete(id);
      }
    }
    const live = [...this.live.get()].filter(([id]) => running.includes(id));
    if (live.length !== this.live.get().size) {
      this.live.set(new Map(live));
    }
    for (const record of records) {
      if (record.state !== 'running' && before.get(record.id)?.state === 'running') {
        this.ended.set(record);
      }
    }
  }

  private followBuild(id: string): JsonSocket {
    return this.socketOf(id, data => {
      const view = readView(data);
      if (view && this.followed.has(id)) {
        this.live.set(new Map(this.live.get()).set(id, { view, at: Date.now() }));
      }
    });
  }

  private socket: JsonSocket | null = null;
  private readonly followed = new Map<string, JsonSocket>();
}

/** Return how long a running build has taken by now, in seconds. */
export function elapsedNow(live: Live, now: number): number | null {
  const { elapsed, state } = live.view;
  return elapsed === null || state !== 'running'
    ? elapsed
    : elapsed + Math.max(now - live.at, 0) / 1000;
}
