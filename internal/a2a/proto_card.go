package a2a

// sharedCard are the messages of AgentCards that both generations write alike.
var sharedCard = protoSchema{
	"AgentProvider": {1: {form: protoString, kind: KindURL}, 2: {form: protoString}},
	"AgentCapabilities": {
		1: {form: protoBool},
		2: {form: protoBool},
		3: {form: protoSub, of: "AgentExtension", many: true},
		4: {form: protoBool},
	},
	"AgentExtension": {
		1: {form: protoString, kind: KindID},
		2: {form: protoString},
		3: {form: protoBool},
		4: {form: protoSub, of: "Struct"},
	},
	"AgentSkill": {
		1: {form: protoString, kind: KindID},
		2: {form: protoString},
		3: {form: protoString},
		4: {form: protoString, many: true},
		5: {form: protoString, many: true},
		6: {form: protoString, kind: KindMedia, many: true},
		7: {form: protoString, kind: KindMedia, many: true},
		8: {form: protoSub, of: "SecurityRequirement", many: true},
	},
	"AgentCardSignature":  {1: {form: protoString, kind: KindID}, 2: {form: protoString, kind: KindID}, 3: {form: protoSub, of: "Struct"}},
	"StringList":          {1: {form: protoString, many: true}},
	"SecurityRequirement": {1: {form: protoMap, of: "StringList"}}, // Security in 0.3
	"SecurityScheme": {
		1: {form: protoSub, of: "APIKeySecurityScheme", oneof: true},
		2: {form: protoSub, of: "HTTPAuthSecurityScheme", oneof: true},
		3: {form: protoSub, of: "OAuth2SecurityScheme", oneof: true},
		4: {form: protoSub, of: "OpenIdConnectSecurityScheme", oneof: true},
		5: {form: protoSub, of: "MutualTlsSecurityScheme", oneof: true},
	},
	"APIKeySecurityScheme":        {1: {form: protoString}, 2: {form: protoString, kind: KindID}, 3: {form: protoString, kind: KindID}},
	"HTTPAuthSecurityScheme":      {1: {form: protoString}, 2: {form: protoString, kind: KindID}, 3: {form: protoString, kind: KindID}},
	"OAuth2SecurityScheme":        {1: {form: protoString}, 2: {form: protoSub, of: "OAuthFlows"}, 3: {form: protoString, kind: KindURL}},
	"OpenIdConnectSecurityScheme": {1: {form: protoString}, 2: {form: protoString, kind: KindURL}},
	"MutualTlsSecurityScheme":     {1: {form: protoString}},
	"ClientCredentialsOAuthFlow":  {1: {form: protoString, kind: KindURL}, 2: {form: protoString, kind: KindURL}, 3: {form: protoMap}},
	"ImplicitOAuthFlow":           {1: {form: protoString, kind: KindURL}, 2: {form: protoString, kind: KindURL}, 3: {form: protoMap}},
	"PasswordOAuthFlow":           {1: {form: protoString, kind: KindURL}, 2: {form: protoString, kind: KindURL}, 3: {form: protoMap}},
}

// currentCard is the AgentCard of 1.0.
var currentCard = protoSchema{
	"AgentCard": {
		1:  {form: protoString},
		2:  {form: protoString},
		3:  {form: protoSub, of: "AgentInterface", many: true},
		4:  {form: protoSub, of: "AgentProvider"},
		5:  {form: protoString, kind: KindID},
		6:  {form: protoString, kind: KindURL},
		7:  {form: protoSub, of: "AgentCapabilities"},
		8:  {form: protoMap, of: "SecurityScheme"},
		9:  {form: protoSub, of: "SecurityRequirement", many: true},
		10: {form: protoString, kind: KindMedia, many: true},
		11: {form: protoString, kind: KindMedia, many: true},
		12: {form: protoSub, of: "AgentSkill", many: true},
		13: {form: protoSub, of: "AgentCardSignature", many: true},
		14: {form: protoString, kind: KindURL},
	},
	"AgentInterface": {
		1: {form: protoString, kind: KindURL},
		2: {form: protoString, kind: KindID},
		3: {form: protoString, kind: KindID},
		4: {form: protoString, kind: KindID},
	},
	"OAuthFlows": {
		1: {form: protoSub, of: "AuthorizationCodeOAuthFlow", oneof: true},
		2: {form: protoSub, of: "ClientCredentialsOAuthFlow", oneof: true},
		3: {form: protoSub, of: "ImplicitOAuthFlow", oneof: true},
		4: {form: protoSub, of: "PasswordOAuthFlow", oneof: true},
		5: {form: protoSub, of: "DeviceCodeOAuthFlow", oneof: true},
	},
	"AuthorizationCodeOAuthFlow": {
		1: {form: protoString, kind: KindURL},
		2: {form: protoString, kind: KindURL},
		3: {form: protoString, kind: KindURL},
		4: {form: protoMap},
		5: {form: protoBool},
	},
	"DeviceCodeOAuthFlow": {
		1: {form: protoString, kind: KindURL},
		2: {form: protoString, kind: KindURL},
		3: {form: protoString, kind: KindURL},
		4: {form: protoMap},
	},
}

// legacyCard is the AgentCard of 0.3.
var legacyCard = protoSchema{
	"AgentCard": {
		1:  {form: protoString},
		2:  {form: protoString},
		3:  {form: protoString, kind: KindURL},
		4:  {form: protoSub, of: "AgentProvider"},
		5:  {form: protoString, kind: KindID},
		6:  {form: protoString, kind: KindURL},
		7:  {form: protoSub, of: "AgentCapabilities"},
		8:  {form: protoMap, of: "SecurityScheme"},
		9:  {form: protoSub, of: "SecurityRequirement", many: true},
		10: {form: protoString, kind: KindMedia, many: true},
		11: {form: protoString, kind: KindMedia, many: true},
		12: {form: protoSub, of: "AgentSkill", many: true},
		13: {form: protoBool},
		14: {form: protoString, kind: KindID},
		15: {form: protoSub, of: "AgentInterface", many: true},
		16: {form: protoString, kind: KindID},
		17: {form: protoSub, of: "AgentCardSignature", many: true},
		18: {form: protoString, kind: KindURL},
	},
	"AgentInterface": {1: {form: protoString, kind: KindURL}, 2: {form: protoString, kind: KindID}},
	"OAuthFlows": {
		1: {form: protoSub, of: "AuthorizationCodeOAuthFlow", oneof: true},
		2: {form: protoSub, of: "ClientCredentialsOAuthFlow", oneof: true},
		3: {form: protoSub, of: "ImplicitOAuthFlow", oneof: true},
		4: {form: protoSub, of: "PasswordOAuthFlow", oneof: true},
	},
	"AuthorizationCodeOAuthFlow": {
		1: {form: protoString, kind: KindURL},
		2: {form: protoString, kind: KindURL},
		3: {form: protoString, kind: KindURL},
		4: {form: protoMap},
	},
}
