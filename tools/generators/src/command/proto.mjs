// How a command is declared.

/** A file of commands of a service that has none yet, with one command. */
export const fileOf = ({ receiver, constant, callers, scope, rpc, messages }) => `syntax = "proto3";

package ${receiver}.v1;

import "buf/validate/validate.proto";
import "past_tense/contract/v1/commands.proto";

// What others may ask of ${receiver}. It may refuse.
service ${serviceOf(receiver)} {
  option (past_tense.contract.v1.commands) = {
    receiver: ${constant}
    callers: [${callers.join(', ')}]
    scope: "${scope}"
  };

${rpc}}

${messages}`;

/** Name of the service of commands that a service answers. */
export const serviceOf = (receiver) => `${receiver[0].toUpperCase()}${receiver.slice(1)}Commands`;

export const rpcOf = (type, description) => `  // ${description}\n  rpc ${type}(${type}Request) returns (${type}Response);\n`;

/** What is asked with, and what is answered: ids. */
export const messagesOf = (type, { of, thing }) => `// Which ${thing.words} it is about.
message ${type}Request {
  // The ${of.words} that it belongs to.
  string ${of.name} = 1 [(buf.validate.field).string.uuid = true];
}

// It was done.
message ${type}Response {
  // The ${thing.words}.
  string ${thing.path.replaceAll('-', '_')}_id = 1;
}
`;
