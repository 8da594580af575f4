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
// that it cannot open. Once everything was sealed anew, checks included ([KeyID]
// tells which key sealed a value), the old key can go.
//
// # Finding a wrong key at start
//
// A host that comes up with the wrong keyring must not run. So a [NewCheck] is
// stored in the database before its key is first used, and every start calls
// [VerifyCheck] for what is stored: [ErrWrongKey] means that something in there
// was sealed with a key that this process does not have.
package seal
