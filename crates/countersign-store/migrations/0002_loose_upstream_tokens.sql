-- The tokens of upstream providers that are still to be given back there: what no live
-- grant holds is found without reading what is in use. Both indexes end with the position.
CREATE INDEX upstream_tokens_loose ON records (kind)
    WHERE kind = 'upstream_tokens' AND (status <> 'live' OR grant_position IS NULL);

CREATE INDEX upstream_tokens_ending ON records (expires_at)
    WHERE kind = 'upstream_tokens' AND status = 'live' AND grant_position IS NOT NULL;
