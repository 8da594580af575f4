// Package leaktest looks for secrets where they must not be: in logs, errors, answers,
// exports, pages and raw databases.
//
//	secrets, err := leaktest.Sealed(ctx, d.Store(), keyring, 40) // all that is sealed
//	for _, leak := range leaktest.Find(secrets, map[string][]byte{"answer": body}) {
//		t.Error(leak)
//	}
//
// Only the answers of creation and rotation, and requests to receivers, may have them.
package leaktest
