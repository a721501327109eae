import type { BuildView, StepView } from '../view';
import { chooseSteps, foldLine } from '../wording';
import { StepRow } from './StepRow';

interface Props {
  view: BuildView;
  /** How many steps get a row of their own before one asks for more. */
  rows: number;
  logLines: number;
}

/** The steps that matter now, and the others folded away; what is unfolded stays so. */
export function Steps({ view, rows, logLines }: Props) {
  const [shown, folded] = chooseSteps(view.steps, rows, view.state !== 'running');
  const told = view.error?.step ?? null;
  const row = (step: StepView) => (
    <StepRow
      key={step.digest}
      step={step}
      span={view}
      told={step.name === told}
      logLines={logLines}
    />
  );
  const line = foldLine(folded, view.steps_omitted);
  return (
    <>
      {shown.length > 0 && (
        <ol className="ej-steps" aria-label="Steps">
          {shown.map(row)}
        </ol>
      )}
      {folded.length > 0 && (
        <details className="ej-fold">
          <summary>{line}</summary>
          <ol className="ej-steps" aria-label="More steps">
            {folded.map(row)}
          </ol>
        </details>
      )}
      {folded.length === 0 && view.steps_omitted > 0 && <p className="ej-fold">{line}</p>}
    </>
  );
}
