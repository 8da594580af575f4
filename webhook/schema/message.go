package schema

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// describe returns what is wrong, in sentences. They have words of the schema in them,
// where these are plain and short, and none of the document.
func describe(e *jsonschema.ValidationError) []Violation {
	at := pointerTo(e.InstanceLocation)
	switch k := e.ErrorKind.(type) {
	case *kind.Required:
		return each(e, k.Missing, "Is required.")
	case *kind.DependentRequired:
		return each(e, k.Missing, "Is required beside another property that is given.")
	case *kind.AdditionalProperties:
		return each(e, k.Properties, "Is not a property that the schema knows.")
	}
	return []Violation{{at, sentence(e.ErrorKind)}}
}

// each returns a violation for each of several names in an object.
func each(e *jsonschema.ValidationError, names []string, message string) []Violation {
	found := make([]Violation, len(names))
	for i, name := range names {
		found[i] = Violation{pointerTo(append(e.InstanceLocation[:len(e.InstanceLocation):len(e.InstanceLocation)], name)), message}
	}
	return found
}

func sentence(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.Type:
		return "Must be of type " + strings.Join(k.Want, " or ") + "."
	case *kind.Enum:
		return choice(k.Want)
	case *kind.Const:
		return choice([]any{k.Want})
	case *kind.Format:
		if plain(k.Want) {
			return "Must have the format " + k.Want + "."
		}
	case *kind.FalseSchema:
		return "Must not be there."
	case *kind.Not:
		return "Must not be what the schema excludes."
	case *kind.AnyOf:
		return "Must match one of the schema's alternatives at least."
	case *kind.OneOf:
		if len(k.Subschemas) > 0 {
			return "Must match only one of the schema's alternatives."
		}
		return "Must match one of the schema's alternatives."
	case *kind.PropertyNames:
		return "Has a property of a name that the schema does not allow."
	case *kind.Contains, *kind.MinContains:
		return "Must contain more elements of the kind that the schema asks for."
	case *kind.MaxContains:
		return "Must contain fewer elements of the kind that the schema names."
	case *kind.UniqueItems:
		return "Elements must differ from each other."
	case *kind.Pattern:
		return "Must match the schema's pattern."
	}
	if s := limit(k); s != "" {
		return s
	}
	return "Must match the schema."
}

// limit returns the sentence about a number that was not kept to, or "".
func limit(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.MinLength:
		return fmt.Sprintf("Must have at least %d characters.", k.Want)
	case *kind.MaxLength:
		return fmt.Sprintf("Must have at most %d characters.", k.Want)
	case *kind.MinItems:
		return fmt.Sprintf("Must have at least %d elements.", k.Want)
	case *kind.MaxItems:
		return fmt.Sprintf("Must have at most %d elements.", k.Want)
	case *kind.MinProperties:
		return fmt.Sprintf("Must have at least %d properties.", k.Want)
	case *kind.MaxProperties:
		return fmt.Sprintf("Must have at most %d properties.", k.Want)
	case *kind.Minimum:
		return "Must be at least " + number(k.Want) + "."
	case *kind.Maximum:
		return "Must be at most " + number(k.Want) + "."
	case *kind.ExclusiveMinimum:
		return "Must be more than " + number(k.Want) + "."
	case *kind.ExclusiveMaximum:
		return "Must be less than " + number(k.Want) + "."
	case *kind.MultipleOf:
		return "Must be a multiple of " + number(k.Want) + "."
	}
	return ""
}

// number writes a number of the schema, as exactly as a sentence needs it.
func number(n *big.Rat) string {
	f, _ := n.Float64()
	return strconv.FormatFloat(f, 'g', -1, 64)
}

// maxChoice is how long the list of what is allowed may be in a sentence, so that it
// has less than 200 characters.
const maxChoice = 120

func choice(values []any) string {
	var words []string
	length := 0
	for _, v := range values {
		word := fmt.Sprint(v)
		if v == nil {
			word = "null"
		}
		if length += len(word) + 2; !plain(word) || length > maxChoice {
			return "Must be one of the values that the schema lists."
		}
		words = append(words, word)
	}
	if len(words) == 1 {
		return "Must be " + words[0] + "."
	}
	return "Must be one of " + strings.Join(words, ", ") + "."
}
