import { describe, expect, it } from 'vitest';

import { MIME_TYPE, readView, type BuildView } from '../src/view';
import {
  BUILD_GLYPHS,
  BUILD_WORDS,
  PHASE_WORDS,
  STEP_GLYPHS,
  STEP_WORDS,
  chooseSteps,
  cleanLine,
  duration,
  foldLine,
  headline,
  size,
  stepDetail,
  summaryLine
} from '../src/wording';
import words from './words.json';

describe('the words of the notebook', () => {
  it('are those of the extension', () => {
    expect(MIME_TYPE).toBe(words.mime_type);
    expect(BUILD_GLYPHS).toEqual(words.build_glyphs);
    expect(BUILD_WORDS).toEqual(words.build_words);
    expect(PHASE_WORDS).toEqual(words.phase_words);
    expect(STEP_GLYPHS).toEqual(words.step_glyphs);
    expect(STEP_WORDS).toEqual(words.step_words);
  });

  it.each(words.durations as [number, string][])('say %s seconds as %s', (value, said) => {
    expect(duration(value)).toBe(said);
  });

  it.each(words.sizes as [number, string][])('say %s bytes as %s', (value, said) => {
    expect(size(value)).toBe(said);
  });

  it.each(words.lines as [string, string][])('clean %j', (line, clean) => {
    expect(cleanLine(line)).toBe(clean);
  });
});

describe.each(Object.entries(words.views))('the build %s', (_, said) => {
  const view = said.view as BuildView;
  const finished = view.state !== 'running';

  it('is read as it was written', () => {
    expect(readView(view)).toEqual(view);
  });

  it('is put into the same words', () => {
    expect(headline(view)).toBe(said.headline);
    expect(summaryLine(view.summary, view.elapsed, !finished)).toBe(said.summary);
  });

  it('shows the same steps', () => {
    const [shown, folded] = chooseSteps(view.steps, 8, finished);
    expect(shown.map(step => step.number)).toEqual(said.shown);
    expect(shown.map(stepDetail)).toEqual(said.details);
    expect(foldLine(folded, 3)).toBe(said.fold);
  });
});
