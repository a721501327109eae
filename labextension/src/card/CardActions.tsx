import type { BuildActions } from '../actions';
import type { Builds } from '../builds';
import { IconButton } from '../icons';
import { titleOf } from '../record';
import { useStore } from '../store';

interface Props {
  builds: Builds;
  actions: BuildActions;
  id: string;
}

/**
 * What can be done with the build that a cell shows, where the server knows it. In a notebook from
 * elsewhere, or without a server, there is nothing.
 */
export function CardActions({ builds, actions, id }: Props) {
  const record = useStore(builds.records).find(one => one.id === id);
  if (!record) {
    return null;
  }
  const title = titleOf(record);
  return (
    <>
      <IconButton
        icon="log"
        label={`Open the log of ${title}`}
        onClick={() => actions.open(id, 'log')}
      />
      {record.state === 'running' ? (
        <IconButton
          icon="cancel"
          label={`Cancel the build ${title}`}
          onClick={() => void actions.cancel(id)}
        />
      ) : (
        <IconButton
          icon="why"
          label={`Why did steps of ${title} run again?`}
          onClick={() => actions.open(id, 'report')}
        />
      )}
    </>
  );
}
