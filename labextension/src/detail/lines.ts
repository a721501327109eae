/** The lines of a log that arrives in pieces; the last ones are kept. */

import { cleanLine } from '../wording';

export const KEPT = 20_000;

const WIDTH = 2000;

export class LogLines {
  /** The lines that are kept; the last one may go on. */
  lines: string[] = [];
  /** How many earlier ones were let go. */
  dropped = 0;
  /** How many bytes have been taken in. */
  bytes = 0;

  /** Take in a piece, without what was taken in before in an earlier reading. */
  push(piece: Uint8Array, from: number): void {
    const fresh = piece.subarray(Math.max(this.bytes - from, 0));
    if (!fresh.length) {
      return;
    }
    this.bytes += fresh.length;
    const parts = (this.rest + this.decoder.decode(fresh, { stream: true })).split('\n');
    this.rest = parts.pop() ?? '';
    this.open(false);
    for (const part of parts) {
      this.lines.push(cleanLine(part, WIDTH));
    }
    this.open(true);
    if (this.lines.length > KEPT + KEPT / 4) {
      const dropped = this.lines.length - KEPT;
      this.dropped += dropped;
      this.lines = this.lines.slice(dropped);
    }
  }

  /** Show the unfinished line as the last one, or take it away again. */
  private open(show: boolean): void {
    if (!show && this.shown) {
      this.lines.pop();
    }
    this.shown = show && this.rest !== '';
    if (this.shown) {
      this.lines.push(cleanLine(this.rest.slice(-WIDTH), WIDTH));
    }
  }

  private readonly decoder = new TextDecoder();
  private rest = '';
  private shown = false;
}
