import { PartitionProgress } from './partition-progress.js';

const AT = { topic: 'requests', partition: 1 } as const;

describe('the progress of a reader', () => {
  let now: number;
  let progress: PartitionProgress;

  beforeEach(() => {
    now = 1_000;
    progress = new PartitionProgress(AT, () => now);
  });

  it('knows of no lag before it knows where it stands and where the log ends', () => {
    progress.looked(5n);
    expect(progress.figures()).toEqual({ ...AT, lag: 0, waitingSince: undefined });
    progress.stands(5n);
    expect(progress.figures()).toEqual({ ...AT, lag: 0, waitingSince: undefined });
  });

  it('counts from when a record was first seen to wait, and anew when some were stored', () => {
    progress.stands(2n);
    progress.looked(5n);
    now = 2_000;
    progress.looked(6n);
    expect(progress.figures()).toMatchObject({ lag: 4, waitingSince: 1_000 });
    progress.stands(4n);
    expect(progress.figures()).toMatchObject({ lag: 2, waitingSince: 2_000 });
    progress.stands(6n);
    expect(progress.figures()).toMatchObject({ lag: 0, waitingSince: undefined });
  });

  it('knows the age of what was delivered, through failures until it is stored', () => {
    progress.stands(2n);
    progress.delivering(400);
    progress.stands(2n);
    expect(progress.figures()).toMatchObject({ waitingSince: 400 });
    progress.stands(3n);
    expect(progress.figures()).toMatchObject({ waitingSince: undefined });
  });
});
