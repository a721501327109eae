import { Fragment } from 'react';

import { cleanLine } from '../wording';

const CODE = /`([^`]+)`/;
const LINES = 12;

/** A message for people: lines stay lines, and what stands between backquotes is set as code. */
export function Prose({ text }: { text: string }) {
  const lines = text.split('\n').slice(0, LINES);
  return (
    <>
      {lines.map((line, index) => (
        <Fragment key={index}>
          {index > 0 && <br />}
          {cleanLine(line)
            .split(CODE)
            .map((part, place) => (place % 2 ? <code key={place}>{part}</code> : part))}
        </Fragment>
      ))}
    </>
  );
}
