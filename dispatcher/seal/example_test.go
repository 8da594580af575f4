package seal_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/postrider/postrider/dispatcher/seal"
)

func ExampleKeyring() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "postrider")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()

	// The first start makes the file; later ones read it.
	keyring, err := seal.LoadKeyring(filepath.Join(dir, "postrider.key"))
	if err != nil {
		fmt.Println(err)
		return
	}

	place := seal.AssociatedData{Tenant: "acme", ID: "sec_1", Field: "secret"}
	sealed, err := keyring.Seal(ctx, []byte("whsec_…"), place)
	if err != nil {
		fmt.Println(err)
		return
	}
	secret, err := keyring.Open(ctx, sealed, place)
	fmt.Println(string(secret), err)

	place.Tenant = "other"
	_, err = keyring.Open(ctx, sealed, place)
	fmt.Println(err)
	fmt.Println(keyring)
	// Output:
	// whsec_… <nil>
	// sealed value is damaged or in the wrong place
	// ***
}

func ExampleVerifyCheck() {
	ctx := context.Background()
	lastYear, thisYear := seal.NewKey(), seal.NewKey()

	keyring, err := seal.NewKeyring(lastYear)
	if err != nil {
		fmt.Println(err)
		return
	}
	check, err := seal.NewCheck(ctx, keyring) // stored in the database at first start
	if err != nil {
		fmt.Println(err)
		return
	}

	rotated, err := seal.NewKeyring(thisYear, lastYear)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("rotated:", seal.VerifyCheck(ctx, rotated, check) == nil)

	wrong, err := seal.NewKeyring(thisYear)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("wrong:", seal.VerifyCheck(ctx, wrong, check) == nil)
	// Output:
	// rotated: true
	// wrong: false
}
