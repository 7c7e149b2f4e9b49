/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The methods that tell of the methods, and the one that carries out several calls as one. */
#ifndef FLOWRIG_RPC_SYSTEM_H
#define FLOWRIG_RPC_SYSTEM_H

#include <xmlrpc-c/base.h>

/* Carries out several calls as one. */
#define RPC_MULTICALL "system.multicall"

/* Carries out one call, also a part of another; NULL with `env` at fault where it has no answer. */
typedef xmlrpc_value *rpc_dispatch(xmlrpc_env *env, void *context, const char *method,
                                   xmlrpc_value *parameters);

/* The answer to a method of "system."; parts of a multicall go to `dispatch`. */
xmlrpc_value *rpc_system_call(xmlrpc_env *env, const char *method, xmlrpc_value *parameters,
                              rpc_dispatch *dispatch, void *context);
/* How many calls the parameters of a multicall hold; 0 where they make no sense. */
int rpc_system_parts(xmlrpc_value *parameters);

#endif
