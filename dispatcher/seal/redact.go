package seal

import "github.com/postrider/postrider/signer/redact"

// redacted is embedded, under a name that documentation does not show, by what
// holds a key.
type redacted = redact.Mask
