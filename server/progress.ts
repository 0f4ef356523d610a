/**
 * What a person sees while a command works, on stderr: one moving line on a terminal; elsewhere whole lines only, so that a log of it
 * can be read. Sentences are English, then Chinese where a litigant needs them.
 */

export interface Progress {
  /** A sentence that stays. */
  say(text: string): void;
  /** How far something is, 0..1; shown on terminals only. */
  bar(label: string, share: number): void;
}

const BAR_CELLS = 24;
/** The moving line is redrawn at most this often. */
const REDRAW_MS = 100;
const CLEAR_LINE = '\r\u001b[K';

export function openProgress(stream: NodeJS.WriteStream): Progress {
  if (!stream.isTTY) return { say: (text) => void stream.write(`${printable(text)}\n`), bar: () => {} };
  let drawnMs = 0;
  return {
    say(text) {
      stream.write(`${CLEAR_LINE}${printable(text)}\n`);
    },
    bar(label, share) {
      const nowMs = performance.now();
      if (nowMs - drawnMs < REDRAW_MS && share < 1) return;
      drawnMs = nowMs;
      const full = Math.round(Math.min(share, 1) * BAR_CELLS);
      const width = Math.max(10, stream.columns - BAR_CELLS - 10);
      const drawn = `${'█'.repeat(full)}${'░'.repeat(BAR_CELLS - full)} ${String(Math.floor(share * 100)).padStart(3)} %`;
      stream.write(`${CLEAR_LINE}${drawn} ${printable(label).slice(0, width)}`);
    },
  };
}

/** File names and answers may hold what a terminal would obey: controls but the tab, separators of lines, and what turns the direction. */
export function printable(text: string): string {
  return text.replaceAll(/[^\P{Cc}\t]|[\p{Zl}\p{Zp}\p{Bidi_Control}]/gu, '\ufffd');
}
