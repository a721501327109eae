import { useEffect, useState } from 'react';

import { said, type Api } from '../api';
import { Prose } from '../card/Prose';
import { Notice } from '../panel/Notice';
import type { BuildReport, Cause, Explanation, StepReport } from '../report';
import { duration, oneLine, size } from '../wording';

/** What the build came to: what was cached and what that saved, why steps ran again, and advice. */
export function Report({ api, id, state }: { api: Api; id: string; state: string }) {
  const [report, setReport] = useState<BuildReport | null>(null);
  const [error, setError] = useState<string | null>(null);
  useEffect(() => {
    let wanted = true;
    api.report(id).then(
      found => wanted && setReport(found),
      (reason: unknown) => wanted && setError(said(reason))
    );
    return () => {
      wanted = false;
    };
  }, [api, id, state]);
  if (error) {
    return (
      <Notice tone="failed">
        <Prose text={error} />
      </Notice>
    );
  }
  if (!report) {
    return (
      <p className="ej-empty" role="status">
        Looking into it …
      </p>
    );
  }
  return (
    <div className="ej-report">
      {summary(report).map(sentence => (
        <p key={sentence}>{sentence}</p>
      ))}
      <h3>Why steps ran</h3>
      {report.explanations.length ? (
        <ol className="ej-why" aria-label="Why steps ran">
          {report.explanations.map(explanation => (
            <Why key={explanation.digest} explanation={explanation} />
          ))}
        </ol>
      ) : (
        <p>No step of the environment ran: everything came from a cache.</p>
      )}
      {report.advice.length > 0 && (
        <>
          <h3>Advice</h3>
          <ul className="ej-advice" aria-label="Advice">
            {report.advice.map(advice => (
              <li key={advice.text}>
                <Prose text={advice.text} />{' '}
                <span className="ej-dim">
                  <Prose text={advice.hint} />
                </span>
              </li>
            ))}
          </ul>
        </>
      )}
      <h3>All steps</h3>
      <StepTable steps={report.steps} />
    </div>
  );
}

function summary(report: BuildReport): string[] {
  const real = report.steps.filter(step => step.kind === 'step');
  const cached = real.filter(step => step.outcome === 'cached');
  const ran = real.filter(step => ['ran', 'failed', 'canceled'].includes(step.outcome));
  const found: string[] = [];
  if (real.length) {
    const share = Math.round((100 * cached.length) / real.length);
    const took = report.elapsed === null ? '' : `, in ${duration(report.elapsed)}`;
    found.push(
      `${real.length} steps: ${cached.length} cached (${share} %), ${ran.length} ran${took}.`
    );
  }
  if (cached.length) {
    const unknown = report.unknown_savings
      ? `; for ${report.unknown_savings} of them it is not known`
      : '';
    found.push(`The cache saved ${duration(report.saved)} against the last time${unknown}.`);
  }
  const critical = report.steps.filter(step => step.critical && step.kind === 'step');
  if (critical.length && critical.length < real.length) {
    const names = critical.map(step => oneLine(step.name, 60)).join(' → ');
    found.push(`The build took as long as this chain of steps: ${names}.`);
  }
  if (report.pulled) {
    found.push(`Transferred to the builder: ${size(report.pulled)}.`);
  }
  return found;
}

function Why({ explanation }: { explanation: Explanation }) {
  return (
    <li data-step={explanation.number}>
      <p>
        <code>{oneLine(explanation.name)}</code>{' '}
        <span className="ej-dim">{duration(explanation.duration)}</span>
      </p>
      {explanation.causes.map((cause, place) => (
        <CauseText key={place} cause={cause} follows={cause.digest !== explanation.digest} />
      ))}
      {explanation.also.map((cause, place) => (
        <p key={`also ${place}`} className="ej-dim">
          also: <Prose text={cause.text} />
        </p>
      ))}
    </li>
  );
}

function CauseText({ cause, follows }: { cause: Cause; follows: boolean }) {
  const lines = [...cause.differences, ...cause.evidence];
  return (
    <div className="ej-cause" data-cause={cause.kind}>
      <p>
        {follows && (
          <>
            follows from <code>{oneLine(cause.step)}</code>:{' '}
          </>
        )}
        <Prose text={cause.text} />
      </p>
      {!follows && lines.length > 0 && (
        <pre className="ej-differences">
          {lines.map((line, place) => (
            <span key={place} data-change={changeOf(line)}>
              {line + '\n'}
            </span>
          ))}
        </pre>
      )}
      {!follows && cause.hint && (
        <p className="ej-hint">
          → <Prose text={cause.hint} />
        </p>
      )}
    </div>
  );
}

/** Whether a line of a comparison is what was or what is. */
function changeOf(line: string): string | undefined {
  const mark = line.trimStart().charAt(0);
  return mark === '+' ? 'new' : mark === '-' ? 'old' : undefined;
}

function StepTable({ steps }: { steps: readonly StepReport[] }) {
  // Where one step follows the other, all of them are: that says nothing.
  const tells = steps.some(step => step.kind === 'step' && !step.critical);
  return (
    <div className="ej-table">
      <table>
        <thead>
          <tr>
            {['', 'step', '', 'time', 'waited', 'in', 'from', 'saved'].map((name, place) => (
              <th key={place} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {steps.map(step => (
            <tr key={step.digest} data-outcome={step.outcome}>
              <td className="ej-n">{step.number}</td>
              <td>
                <code title={step.name}>{oneLine(step.name, 120)}</code>
                {tells && step.critical && step.kind === 'step' && (
                  <span className="ej-tag">decisive</span>
                )}
              </td>
              <td>{step.outcome}</td>
              <td className="ej-n">{duration(step.duration)}</td>
              <td className="ej-n">{duration(step.waited)}</td>
              <td className="ej-n">{step.pulled ? size(step.pulled) : ''}</td>
              <td>
                <code>{step.source}</code>
              </td>
              <td className="ej-n">{step.source ? duration(step.saved) : ''}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
