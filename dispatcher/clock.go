package dispatcher

import "time"

// now is the engine's only source of time, so that a test can shift a whole
// process's clock and a synctest bubble can let days pass.
func now() time.Time { return time.Now() }
