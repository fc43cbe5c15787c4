/* `plumbline policy what-if`: what a change of control policies would do to the calls that a server has seen.
 */
#ifndef CLI_WHAT_IF_H
#define CLI_WHAT_IF_H

/* `argv[0]` is "what-if". 0 no call would change, 1 some would, 2 usage, input and connection errors. */
int cli_policy_what_if(int argc, char **argv);

#endif
