package a2a

// sharedCard are the messages of AgentCards that both generations write alike.
var sharedCard = protoSchema{
	"AgentProvider": {1: {name: "url", form: protoString, kind: KindURL}, 2: {name: "organization", form: protoString}},
	"AgentCapabilities": {
		1: {name: "streaming", form: protoBool},
		2: {name: "pushNotifications", form: protoBool},
		3: {name: "extensions", form: protoSub, of: "AgentExtension", many: true},
		4: {name: "extendedAgentCard", form: protoBool},
	},
	"AgentExtension": {
		1: {name: "uri", form: protoString, kind: KindID},
		2: {name: "description", form: protoString},
		3: {name: "required", form: protoBool},
		4: {name: "params", form: protoSub, of: "Struct"},
	},
	"AgentSkill": {
		1: {name: "id", form: protoString, kind: KindID},
		2: {name: "name", form: protoString},
		3: {name: "description", form: protoString},
		4: {name: "tags", form: protoString, many: true},
		5: {name: "examples", form: protoString, many: true},
		6: {name: "inputModes", form: protoString, kind: KindMedia, many: true},
		7: {name: "outputModes", form: protoString, kind: KindMedia, many: true},
		8: {name: "securityRequirements", form: protoSub, of: "SecurityRequirement", many: true},
	},
	"AgentCardSignature":  {1: {name: "protected", form: protoString, kind: KindID}, 2: {name: "signature", form: protoString, kind: KindID}, 3: {name: "header", form: protoSub, of: "Struct"}},
	"StringList":          {1: {name: "list", form: protoString, many: true}},
	"SecurityRequirement": {1: {name: "schemes", form: protoMap, of: "StringList"}}, // Security in 0.3
	"SecurityScheme": {
		1: {name: "apiKeySecurityScheme", form: protoSub, of: "APIKeySecurityScheme", oneof: true},
		2: {name: "httpAuthSecurityScheme", form: protoSub, of: "HTTPAuthSecurityScheme", oneof: true},
		3: {name: "oauth2SecurityScheme", form: protoSub, of: "OAuth2SecurityScheme", oneof: true},
		4: {name: "openIdConnectSecurityScheme", form: protoSub, of: "OpenIdConnectSecurityScheme", oneof: true},
		5: {name: "mtlsSecurityScheme", form: protoSub, of: "MutualTlsSecurityScheme", oneof: true},
	},
	"APIKeySecurityScheme":        {1: {name: "description", form: protoString}, 2: {name: "location", form: protoString, kind: KindID}, 3: {name: "name", form: protoString, kind: KindID}},
	"HTTPAuthSecurityScheme":      {1: {name: "description", form: protoString}, 2: {name: "scheme", form: protoString, kind: KindID}, 3: {name: "bearerFormat", form: protoString, kind: KindID}},
	"OAuth2SecurityScheme":        {1: {name: "description", form: protoString}, 2: {name: "flows", form: protoSub, of: "OAuthFlows"}, 3: {name: "oauth2MetadataUrl", form: protoString, kind: KindURL}},
	"OpenIdConnectSecurityScheme": {1: {name: "description", form: protoString}, 2: {name: "openIdConnectUrl", form: protoString, kind: KindURL}},
	"MutualTlsSecurityScheme":     {1: {name: "description", form: protoString}},
	"ClientCredentialsOAuthFlow":  {1: {name: "tokenUrl", form: protoString, kind: KindURL}, 2: {name: "refreshUrl", form: protoString, kind: KindURL}, 3: {name: "scopes", form: protoMap}},
	"ImplicitOAuthFlow":           {1: {name: "authorizationUrl", form: protoString, kind: KindURL}, 2: {name: "refreshUrl", form: protoString, kind: KindURL}, 3: {name: "scopes", form: protoMap}},
	"PasswordOAuthFlow":           {1: {name: "tokenUrl", form: protoString, kind: KindURL}, 2: {name: "refreshUrl", form: protoString, kind: KindURL}, 3: {name: "scopes", form: protoMap}},
}

// currentCard is the AgentCard of 1.0.
var currentCard = protoSchema{
	"AgentCard": {
		1:  {name: "name", form: protoString},
		2:  {name: "description", form: protoString},
		3:  {name: "supportedInterfaces", form: protoSub, of: "AgentInterface", many: true},
		4:  {name: "provider", form: protoSub, of: "AgentProvider"},
		5:  {name: "version", form: protoString, kind: KindID},
		6:  {name: "documentationUrl", form: protoString, kind: KindURL},
		7:  {name: "capabilities", form: protoSub, of: "AgentCapabilities"},
		8:  {name: "securitySchemes", form: protoMap, of: "SecurityScheme"},
		9:  {name: "securityRequirements", form: protoSub, of: "SecurityRequirement", many: true},
		10: {name: "defaultInputModes", form: protoString, kind: KindMedia, many: true},
		11: {name: "defaultOutputModes", form: protoString, kind: KindMedia, many: true},
		12: {name: "skills", form: protoSub, of: "AgentSkill", many: true},
		13: {name: "signatures", form: protoSub, of: "AgentCardSignature", many: true},
		14: {name: "iconUrl", form: protoString, kind: KindURL},
	},
	"AgentInterface": {
		1: {name: "url", form: protoString, kind: KindURL},
		2: {name: "protocolBinding", form: protoString, kind: KindID},
		3: {name: "tenant", form: protoString, kind: KindID},
		4: {name: "protocolVersion", form: protoString, kind: KindID},
	},
	"OAuthFlows": {
		1: {name: "authorizationCode", form: protoSub, of: "AuthorizationCodeOAuthFlow", oneof: true},
		2: {name: "clientCredentials", form: protoSub, of: "ClientCredentialsOAuthFlow", oneof: true},
		3: {name: "implicit", form: protoSub, of: "ImplicitOAuthFlow", oneof: true},
		4: {name: "password", form: protoSub, of: "PasswordOAuthFlow", oneof: true},
		5: {name: "deviceCode", form: protoSub, of: "DeviceCodeOAuthFlow", oneof: true},
	},
	"AuthorizationCodeOAuthFlow": {
		1: {name: "authorizationUrl", form: protoString, kind: KindURL},
		2: {name: "tokenUrl", form: protoString, kind: KindURL},
		3: {name: "refreshUrl", form: protoString, kind: KindURL},
		4: {name: "scopes", form: protoMap},
		5: {name: "pkceRequired", form: protoBool},
	},
	"DeviceCodeOAuthFlow": {
		1: {name: "deviceAuthorizationUrl", form: protoString, kind: KindURL},
		2: {name: "tokenUrl", form: protoString, kind: KindURL},
		3: {name: "refreshUrl", form: protoString, kind: KindURL},
		4: {name: "scopes", form: protoMap},
	},
}

// legacyCard is the AgentCard of 0.3.
var legacyCard = protoSchema{
	"AgentCard": {
		1:  {name: "name", form: protoString},
		2:  {name: "description", form: protoString},
		3:  {name: "url", form: protoString, kind: KindURL},
		4:  {name: "provider", form: protoSub, of: "AgentProvider"},
		5:  {name: "version", form: protoString, kind: KindID},
		6:  {name: "documentationUrl", form: protoString, kind: KindURL},
		7:  {name: "capabilities", form: protoSub, of: "AgentCapabilities"},
		8:  {name: "securitySchemes", form: protoMap, of: "SecurityScheme"},
		9:  {name: "security", form: protoSub, of: "SecurityRequirement", many: true},
		10: {name: "defaultInputModes", form: protoString, kind: KindMedia, many: true},
		11: {name: "defaultOutputModes", form: protoString, kind: KindMedia, many: true},
		12: {name: "skills", form: protoSub, of: "AgentSkill", many: true},
		13: {name: "supportsAuthenticatedExtendedCard", form: protoBool},
		14: {name: "preferredTransport", form: protoString, kind: KindID},
		15: {name: "additionalInterfaces", form: protoSub, of: "AgentInterface", many: true},
		16: {name: "protocolVersion", form: protoString, kind: KindID},
		17: {name: "signatures", form: protoSub, of: "AgentCardSignature", many: true},
		18: {name: "iconUrl", form: protoString, kind: KindURL},
	},
	"AgentInterface": {1: {name: "url", form: protoString, kind: KindURL}, 2: {name: "transport", form: protoString, kind: KindID}},
	"OAuthFlows": {
		1: {name: "authorizationCode", form: protoSub, of: "AuthorizationCodeOAuthFlow", oneof: true},
		2: {name: "clientCredentials", form: protoSub, of: "ClientCredentialsOAuthFlow", oneof: true},
		3: {name: "implicit", form: protoSub, of: "ImplicitOAuthFlow", oneof: true},
		4: {name: "password", form: protoSub, of: "PasswordOAuthFlow", oneof: true},
	},
	"AuthorizationCodeOAuthFlow": {
		1: {name: "authorizationUrl", form: protoString, kind: KindURL},
		2: {name: "tokenUrl", form: protoString, kind: KindURL},
		3: {name: "refreshUrl", form: protoString, kind: KindURL},
		4: {name: "scopes", form: protoMap},
	},
}
