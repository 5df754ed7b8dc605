-- The files of users' programs: what workers are sent that lack them. A sweep's specification names each
-- by its hash; sweeps that share a file share its row.
CREATE TABLE program_file (
    -- Of the content, as sixty-four hexadecimal digits.
    sha256 TEXT PRIMARY KEY CHECK (length(sha256) = 64 AND sha256 NOT GLOB '*[^0-9a-f]*'),
    content BLOB NOT NULL
) STRICT;

PRAGMA user_version = 4;
