// Package seal encrypts what must not lie in a database in clear: the signing
// secrets of endpoints and the credentials of deliveries.
//
// A [Sealer] seals and opens. [Keyring] is the one that most hosts use:
// AES-256-GCM with keys that the host keeps. A cloud key service fits behind
// the same two methods. [Plaintext] seals nothing and says so in every value;
// it is for hosts that set AllowPlaintextSecrets.
//
// Every value is bound to the place it belongs to, its [AssociatedData]: a
// sealed secret copied into another tenant's row does not open there.
//
// # Keys
//
// A [Key] is 32 random bytes, written as "prk_" and base64. [LoadKeyring] keeps
// keys in a file that only its owner can read and makes it on the first start;
// [ParseKeyring] takes the same text from wherever the host keeps its secrets.
// The first key of the text is the primary, which seals; all of them open.
// Without its key a sealed value is lost: back the keyring up, and not beside
// the database.
//
// To rotate, add a new key behind the primary and restart every process, then
// move it to the front and restart again, so that no process ever meets a value
// that it cannot open. Then seal everything anew:
//
//	done, err := d.Reseal(ctx)       // dispatcher.Dispatcher; repeat it at will
//	keys, err := d.KeysInUse(ctx)    // how many values each key has sealed
//
// Once KeysInUse names only the new key, the old one can go.
//
// # Key services
//
// A key service of a cloud fits behind [Sealer]. [Envelope] stands between, so that
// it is called for data keys only: once an hour to seal, and once for each that a
// process opens.
//
// # Finding a wrong key at start
//
// A host that comes up with the wrong keyring must not run. So a [NewCheck] is
// stored in the database before its key is first used, one for each key that was ever
// the primary, and every start calls [VerifyCheck] for what is stored: [ErrWrongKey]
// means that something in there was sealed with a key that this process does not
// have. Reseal seals the checks anew too.
package seal
