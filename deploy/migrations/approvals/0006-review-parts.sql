-- Parts of questions that are too long for one event, until their review.asked comes.
CREATE TABLE approvals.review_parts (
  request_id uuid NOT NULL,
  sha256 text NOT NULL,
  index int NOT NULL,
  text text NOT NULL,
  at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (request_id, sha256, index)
);
CREATE INDEX ON approvals.review_parts (at);

GRANT SELECT, INSERT, DELETE ON approvals.review_parts TO countersign_approvals;
