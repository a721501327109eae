import { useEffect, useState } from 'react';

import type { IEnvdBuilds } from '../tokens';
import { useStore } from '../store';
import type { BuildView } from '../view';
import { BuildCard } from './BuildCard';
import { CardActions } from './CardActions';

interface Props {
  /** The build as the notebook has it. */
  view: BuildView;
  envd: IEnvdBuilds;
}

/**
 * The card of a build where the server knows it.
 *
 * After a page was loaded again, or in a second browser, nobody sends updates to an output that
 * shows a running build. The server then tells how the build stands.
 */
export function LiveCard({ view, envd }: Props) {
  const { builds, actions } = envd;
  const { id } = view;
  const live = useStore(builds.live).get(id)?.view;
  const record = useStore(builds.records).find(one => one.id === id);
  const stale = view.state === 'running' && record !== undefined && record.state !== 'running';
  const [end, setEnd] = useState<BuildView | null>(null);

  useEffect(() => {
    if (!stale) {
      return undefined;
    }
    let wanted = true;
    builds.api.view(id).then(
      found => {
        if (wanted) {
          setEnd(found);
        }
      },
      // The build was forgotten meanwhile: what the notebook has is all there is.
      () => undefined
    );
    return () => {
      wanted = false;
    };
  }, [builds, id, stale]);

  return (
    <BuildCard
      view={newest(view, live, stale ? end : null)}
      actions={<CardActions builds={builds} actions={actions} id={id} />}
    />
  );
}

/** Return the latest of what is known of a build. */
export function newest(
  view: BuildView,
  live: BuildView | null | undefined,
  end: BuildView | null
): BuildView {
  if (view.state !== 'running') {
    return view;
  }
  const known = end ?? live;
  return known && (known.state !== 'running' || (known.elapsed ?? 0) > (view.elapsed ?? 0))
    ? known
    : view;
}
