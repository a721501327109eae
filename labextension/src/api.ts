/**
 * The server extension as functions: one for each thing it can be asked.
 *
 * How requests are sent is given from outside, so that this file knows neither JupyterLab nor
 * tokens.
 */
import type { BuildRecord } from './record';
import type { BuildReport } from './report';
import type { CacheTypes, Direction } from './table';
import { sentences } from './wording';
import { readView, type BuildView } from './view';
import type { Preferences, Scope } from './preferences';

export type Send = (path: string, init: RequestInit) => Promise<Response>;

/** What the server answers where it cannot do what it was asked for. */
export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly hint: string | null = null
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

export const ABSENT =
  'The server extension is not there. It comes with the Python package `envd-jupyter`; ' +
  'install it where the Jupyter server runs and start the server again.';

export interface BuildFilter {
  state?: string;
  text?: string;
  limit?: number;
}

export interface Problem {
  message: string;
  hint: string | null;
}

export type Checked =
  | { ok: true; entry: string; explain: string; warnings?: Problem[] }
  | { ok: false; message: string; hint: string | null; option: string | null };

export type Changes = Record<string, string | boolean | string[] | null>;

export class Api {
  constructor(private readonly send: Send) {}

  async builds(filter: BuildFilter): Promise<BuildRecord[]> {
    return (await this.json<{ builds: BuildRecord[] }>(`builds${query({ ...filter })}`)).builds;
  }

  async view(id: string): Promise<BuildView | null> {
    return readView((await this.json<{ view: unknown }>(`builds/${encode(id)}`)).view);
  }

  /** Return the log as it arrives; the caller reads it and may stop. */
  async log(
    id: string,
    step: string | null,
    signal: AbortSignal
  ): Promise<ReadableStream<Uint8Array> | null> {
    const response = await this.send(
      `builds/${encode(id)}/log${query({ step: step ?? undefined })}`,
      {
        signal
      }
    );
    if (!response.ok) {
      throw await failure(response);
    }
    return response.body;
  }

  async report(id: string): Promise<BuildReport> {
    return (await this.json<{ report: BuildReport }>(`builds/${encode(id)}/report`)).report;
  }

  async cancel(id: string): Promise<void> {
    await this.json(`builds/${encode(id)}/cancel`, 'POST');
  }

  async rebuild(id: string): Promise<string> {
    return (await this.json<{ id: string }>(`builds/${encode(id)}/rebuild`, 'POST')).id;
  }

  async forget(id: string): Promise<void> {
    await this.json(`builds/${encode(id)}`, 'DELETE');
  }

  async preferences(kernel: string): Promise<Preferences> {
    return this.json(`preferences${query({ kernel_id: kernel })}`);
  }

  async change(kernel: string, scope: Scope, changes: Changes): Promise<Preferences> {
    return this.json(`preferences${query({ kernel_id: kernel })}`, 'PATCH', { scope, changes });
  }

  async cacheTypes(): Promise<CacheTypes> {
    return this.json('cache-types');
  }

  async check(direction: Direction, entry: string): Promise<Checked> {
    return this.json('check', 'POST', { direction, entry });
  }

  private async json<T>(path: string, method = 'GET', body?: unknown): Promise<T> {
    const response = await this.send(path, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) })
    });
    if (!response.ok) {
      throw await failure(response);
    }
    const text = await response.text();
    return (text ? JSON.parse(text) : null) as T;
  }
}

/** Put an unsuccessful answer into words. */
async function failure(response: Response): Promise<ApiError> {
  try {
    const told = (await response.json()) as {
      message?: unknown;
      hint?: unknown;
      reason?: unknown;
    };
    // Jupyter's own 404 has a message too, but names no reason.
    if (typeof told.message === 'string' && told.reason) {
      return new ApiError(
        told.message,
        response.status,
        typeof told.hint === 'string' ? told.hint : null
      );
    }
  } catch {
    // A page of a proxy, or nothing: the status says what is known.
  }
  return response.status === 404
    ? new ApiError('envd is not available on this server.', 404, ABSENT)
    : new ApiError(
        `The server answered ${response.status} ${response.statusText}`.trim() + '.',
        response.status
      );
}

function encode(id: string): string {
  return encodeURIComponent(id);
}

function query(parameters: Record<string, string | number | undefined>): string {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined);
  const text = given
    .map(([key, value]) => `${key}=${encodeURIComponent(value ?? '')}`)
    .join('&');
  return text ? `?${text}` : '';
}

/** Say an error, with its hint. */
export function said(error: unknown): string {
  if (error instanceof ApiError) {
    return sentences(error.message, error.hint);
  }
  return error instanceof Error && error.message ? error.message : String(error);
}
