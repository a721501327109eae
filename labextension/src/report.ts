/** The report of a build: `BuildReport.to_json` of `envd_jupyter/builds/insight/report.py`. */

export interface StepReport {
  number: number;
  digest: string;
  name: string;
  kind: string;
  outcome: string;
  started: number | null;
  completed: number | null;
  duration: number | null;
  waited: number | null;
  pulled: number;
  pushed: number;
  source: string | null;
  last: number | null;
  last_build: string | null;
  critical: boolean;
  saved: number | null;
}

export interface CacheReport {
  direction: string;
  entry: string;
  state: string;
  duration: number | null;
  message: string | null;
  mode: string;
}

export interface Cause {
  kind: string;
  text: string;
  step: string;
  digest: string;
  differences: string[];
  evidence: string[];
  hint: string | null;
}

export interface Explanation {
  digest: string;
  name: string;
  number: number;
  duration: number | null;
  causes: Cause[];
  also: Cause[];
}

export interface Advice {
  text: string;
  hint: string;
}

export interface BuildReport {
  id: string;
  state: string;
  builder: string;
  started: number;
  elapsed: number | null;
  saved: number;
  unknown_savings: number;
  pulled: number;
  steps: StepReport[];
  caches: CacheReport[];
  explanations: Explanation[];
  advice: Advice[];
}
