# SPDX-License-Identifier: Apache-2.0
# Tests that ctest runs inside Slicer. SCRIPT is a file of the current source folder (or of its binary folder).

macro(slicer_add_python_unittest)
  _slicer_host_add_python_unittest(${ARGN})
endmacro()

macro(slicer_add_python_test)
  _slicer_host_add_python_test(${ARGN})
endmacro()

function(_slicer_host_add_python_unittest)
  cmake_parse_arguments(MY "" "TESTNAME_PREFIX;SCRIPT" "SLICER_ARGS" ${ARGN})
  get_filename_component(name "${MY_SCRIPT}" NAME_WE)
  get_filename_component(folder "${MY_SCRIPT}" DIRECTORY)
  if("${folder}" STREQUAL "")
    set(folder "${CMAKE_CURRENT_SOURCE_DIR}")
  endif()
  # ARGN is a list: the semicolon of the code has to be told from its own
  set(code "import slicer.testing\\; slicer.testing.runUnitTest(['${CMAKE_CURRENT_BINARY_DIR}', '${folder}'], '${name}')")
  _slicer_host_add_test(${name} --python-code "${code}")
endfunction()

function(_slicer_host_add_python_test)
  cmake_parse_arguments(MY "" "TESTNAME_PREFIX;SCRIPT" "SLICER_ARGS;SCRIPT_ARGS" ${ARGN})
  get_filename_component(name "${MY_SCRIPT}" NAME_WE)
  get_filename_component(script "${MY_SCRIPT}" ABSOLUTE)
  _slicer_host_add_test(${name} --python-script "${script}" ${MY_SCRIPT_ARGS})
endfunction()

# Uses MY_TESTNAME_PREFIX and MY_SLICER_ARGS of the caller
function(_slicer_host_add_test name)
  if(NOT "--disable-modules" IN_LIST MY_SLICER_ARGS)
    list(APPEND MY_SLICER_ARGS --additional-module-paths "${CMAKE_BINARY_DIR}/${Slicer_QTSCRIPTEDMODULES_LIB_DIR}")
  endif()
  set(test "py_${MY_TESTNAME_PREFIX}${name}")
  add_test(NAME ${test} COMMAND "${Slicer_LAUNCHER_EXECUTABLE}" --no-splash --testing ${MY_SLICER_ARGS} ${ARGN})
  set_property(TEST ${test} PROPERTY RUN_SERIAL TRUE)
endfunction()
